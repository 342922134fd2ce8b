import { collectionSource, defineJob, twoPhaseCommitSink, WatermarkStrategy } from 'tidemark';

const FOLDER = '.tidemark/two-phase-commit';

// #region sink
/** One text file per checkpoint: written under a name that begins with a dot, shown by a rename. */
const textFiles = twoPhaseCommitSink<string, string>({
  description: `text files in ${FOLDER}`,
  createTarget({ environment }) {
    const { files } = environment;
    const linesByName = new Map<string, string[]>();
    return {
      beginTransaction() {
        const name = environment.newId();
        linesByName.set(name, []);
        return name;
      },
      write(name, line) {
        linesByName.get(name)!.push(line);
      },
      async preCommit(name) {
        // The next transaction has begun by now, so this one has its own lines.
        await files.makeDirectory(FOLDER);
        await files.write(`${FOLDER}/.${name}`, new TextEncoder().encode(linesByName.get(name)!.join('\n')));
        linesByName.delete(name);
      },
      async commit(name) {
        // Repeated after a crash: then it may be there already.
        if ((await files.stat(`${FOLDER}/.${name}`)) !== undefined)
          await files.rename(`${FOLDER}/.${name}`, `${FOLDER}/${name}.txt`);
      },
      async abort(name) {
        linesByName.delete(name);
        await files.remove(`${FOLDER}/.${name}`);
      },
    };
  },
});
// #endregion

export default defineJob({
  name: 'two-phase-commit',
  options: { checkpointInterval: '1s' },
  build(env) {
    const words = Array.from({ length: 10 }, (_, i) => `word ${i}`);
    env
      .fromSource(collectionSource(words, { recordsPerSecond: 4 }), 'words', WatermarkStrategy.noWatermarks<string>())
      .sinkTo(textFiles, { uid: 'files' });
  },
});
