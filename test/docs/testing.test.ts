/* The tests that `docs/testing.md` shows. */
import '../../docs/examples/testing.ts';
