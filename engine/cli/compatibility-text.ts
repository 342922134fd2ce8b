import type { Compatibility, OperatorCompatibility, StateCompatibility } from '../checkpoint/compatibility.ts';
import type { FoundCheckpoint } from '../checkpoint/manifest.ts';
import { table } from './table.ts';

const WORDS: Readonly<Record<StateCompatibility['outcome'], string>> = {
  same: 'compatible',
  resolved: 'compatible after resolution',
  incompatible: 'INCOMPATIBLE',
  new: 'new, starts empty',
  dropped: 'not in the job',
};

/** The lines that `tidemark check` prints: a table of operators and states, then what stands in the way. */
export function compatibilityText(job: string, found: FoundCheckpoint, compatibility: Compatibility): string[] {
  const { manifest, where } = found;
  const { operators, problems, warnings } = compatibility;
  const completed = new Date(manifest.completedAtMs).toISOString();
  const lines = [`${job} against ${manifest.kind} ${manifest.checkpointId} of ${completed} (${where})`, ''];
  const rows = operators.flatMap((operator) => operatorRows(operator));
  lines.push(...table([['OPERATOR', 'STATE', 'KIND', 'OUTCOME'], ...rows]), '');
  for (const warning of warnings) lines.push(`warning: ${warning}`);
  for (const { message, hint } of problems) lines.push(`problem: ${message}`, `  hint: ${hint}`);
  if (problems.length === 0) lines.push(`${job} can go on from there`);
  else lines.push(`${job} would be refused: ${problems.length === 1 ? '1 problem' : `${problems.length} problems`}`);
  return lines;
}

function operatorRows(operator: OperatorCompatibility): string[][] {
  const rows: string[][] = [];
  const { uid, kind, outcome, states, splitCount } = operator;
  if (kind === 'source') {
    rows.push([
      uid,
      'splits',
      'source',
      outcome === 'kept' ? `${splitCount} with their positions` : outcomeWord(outcome),
    ]);
  }
  for (const state of states) {
    const details = state.details.length === 0 ? '' : `: ${state.details.join(', ')}`;
    rows.push([uid, state.name, state.kind, `${WORDS[state.outcome]}${details}`]);
  }
  if (rows.length === 0) rows.push([uid, '-', kind ?? '-', outcomeWord(outcome)]);
  return rows;
}

function outcomeWord(outcome: OperatorCompatibility['outcome']): string {
  return outcome === 'kept' ? 'compatible' : outcome === 'new' ? 'new' : 'not in the job';
}
