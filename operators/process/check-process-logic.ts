import { UserError } from '../../engine/base/errors.ts';

/**
 * Refuses what Flink takes and this API does not, before it fails where nobody looks for it: a function object made by the
 * caller, which all subtasks would share, and a class itself.
 *
 * @throws UserError JOB_DEFINITION
 */
export function checkProcessLogic(logic: unknown): void {
  if (typeof logic === 'function') {
    // An arrow function has no prototype, a class always has.
    if (logic.prototype !== undefined && /^class\b/.test(Function.prototype.toString.call(logic))) {
      refuse(`the class ${logic.name || 'of a function'}`, logic.name);
    }
    return;
  }
  if (typeof logic !== 'object' || logic === null) refuse(String(logic), '');
  const prototype = Object.getPrototypeOf(logic) as { readonly constructor: { readonly name: string } } | null;
  const isInstance = prototype !== null && prototype !== Object.prototype;
  if (isInstance && (logic as { readonly uid?: unknown }).uid === undefined) {
    const { name } = prototype.constructor;
    refuse(`an object of class ${name || '(anonymous)'}`, name);
  }
}

function refuse(found: string, className: string): never {
  throw new UserError(
    'JOB_DEFINITION',
    `process(...): expected a function that makes the process function, found ${found}`,
    {
      hint: `Every subtask makes its own: process(() => new ${className || 'MyFunction'}(), { uid }). Or pass what defineProcess({ ... }) gives.`,
    },
  );
}
