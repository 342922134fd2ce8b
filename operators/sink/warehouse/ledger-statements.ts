import type { WarehouseDialect } from '../../../state/schema/warehouse-types.ts';
import { literal, qualified } from './sql-text.ts';
import type { WarehouseLoad } from './warehouse.ts';

/** The table that says which loads have been committed; one per schema, for all sinks and jobs. */
export const LEDGER_NAME = 'load_ledger';

/** One row per load. */
export function createLedger(namespace: string, dialect: WarehouseDialect): string {
  const text = dialect === 'postgres' ? 'text' : 'varchar(512)';
  return `CREATE TABLE IF NOT EXISTS ${ledger(namespace)} (
  job_name ${text} NOT NULL,
  sink_uid ${text} NOT NULL,
  checkpoint_id bigint NOT NULL,
  attempt bigint NOT NULL,
  row_count bigint NOT NULL,
  fingerprint ${text} NOT NULL,
  loaded_at timestamp with time zone NOT NULL,
  PRIMARY KEY (job_name, sink_uid, checkpoint_id)
)`;
}

/** Must be the first statement of a load: the snapshot is then taken when no other load is under way. */
export function lockLedger(namespace: string): string {
  return `LOCK TABLE ${ledger(namespace)}`;
}

/**
 * Gives one row: fingerprint and attempt of this load, null when there is none; the newest attempt of the sink, and its
 * newest load before this one, null without any.
 */
export function readLedger(namespace: string, { jobName, sinkUid, checkpointId }: WarehouseLoad): string {
  const ofSink = `job_name = ${literal(jobName)} AND sink_uid = ${literal(sinkUid)}`;
  return `SELECT
  max(CASE WHEN checkpoint_id = ${checkpointId} THEN fingerprint END) AS fingerprint,
  max(CASE WHEN checkpoint_id = ${checkpointId} THEN attempt END) AS attempt,
  max(attempt) AS newest_attempt,
  (SELECT max(checkpoint_id) FROM ${ledger(namespace)} WHERE ${ofSink} AND checkpoint_id < ${checkpointId}) AS newest_checkpoint_id
FROM ${ledger(namespace)}
WHERE ${ofSink}
  AND (checkpoint_id = ${checkpointId} OR checkpoint_id = (SELECT max(checkpoint_id) FROM ${ledger(namespace)} WHERE ${ofSink}))`;
}

export function recordLoad(namespace: string, load: WarehouseLoad, rowCount: number): string {
  const { jobName, sinkUid, checkpointId, attempt, fingerprint } = load;
  return `INSERT INTO ${ledger(namespace)} (job_name, sink_uid, checkpoint_id, attempt, row_count, fingerprint, loaded_at)
VALUES (${literal(jobName)}, ${literal(sinkUid)}, ${checkpointId}, ${attempt}, ${rowCount}, ${literal(fingerprint)}, CURRENT_TIMESTAMP)`;
}

function ledger(namespace: string): string {
  return qualified({ namespace, name: LEDGER_NAME });
}
