/** `tidemark/state`: schemas, state and storage, for those who declare records or extend the engine. */
export type { AvroSchema, Infer, Schema } from './schema/schema.ts';
export { boolean, bytes, float64, int, long, string, timestampMs } from './schema/scalars.ts';
export { decimal, formatDecimal, parseDecimal } from './schema/decimal.ts';
export { enumeration, type EnumerationOptions } from './schema/enumeration.ts';
export { optional, type OptionalSchema } from './schema/optional.ts';
export { array, map } from './schema/collections.ts';
export {
  pick,
  record,
  type RecordFields,
  type RecordOf,
  type RecordOptions,
  type RecordSchema,
} from './schema/record.ts';
export { union, type UnionBranches, type UnionOf } from './schema/union.ts';
export { withAliases, withDefault, withDoc } from './schema/attributes.ts';
export { parseAvroSchema } from './schema/parse-avro-schema.ts';
export { canResolve, createResolver, type ResolverOptions } from './schema/resolver.ts';
export {
  postgresType,
  redshiftType,
  tableColumnsDdl,
  type WarehouseColumn,
  warehouseColumns,
  type WarehouseDialect,
} from './schema/warehouse-types.ts';
export { sparkSchema, type SparkStruct, type SparkType } from './schema/spark-schema.ts';
export type { ObjectEntry, ObjectStorage, PutCondition, StoredObject } from './storage/object-storage.ts';
export { openStorage, type StorageOptions } from './storage/storage-url.ts';
export {
  openSavepoint,
  Savepoint,
  type KeyedStateReadOptions,
  type SavepointOperator,
} from '../engine/savepoint/savepoint.ts';
export {
  SavepointWriter,
  type ExistingSavepointOptions,
  type NewSavepointOptions,
  type WriteSavepointOptions,
} from '../engine/savepoint/savepoint-writer.ts';
export {
  perNamespace,
  type ContentOf,
  type ContentsOf,
  type KeyedEntry,
  type NamespacedStateSpec,
  type OfflineStateSpec,
  type OfflineStateSpecs,
  type OfflineTimer,
  type StoredKeyedEntry,
  type WrittenAt,
} from './offline/keyed-entry.ts';
