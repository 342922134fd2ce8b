import { OutputTag } from '../../../engine/task/output-tag.ts';
import type { Click, Conversion, DuplicateRecord, Impression, LateRecord, Quarantined, Unmatched } from '../schemas.ts';

/** Impressions, once each. */
export const IMPRESSIONS = new OutputTag<Impression>('impressions');
/** Conversions, once each, whether credited or not. */
export const CONVERSIONS = new OutputTag<Conversion>('conversions');
/** Rows without an id, for the user join. */
export const ROW_IMPRESSIONS = new OutputTag<Impression>('row-impressions');
/** Clicks that name no impression, for the user join. */
export const ROW_CLICKS = new OutputTag<Click>('row-clicks');
/** Conversions of the stream that holds clicks and conversions. */
export const CONVERSION_ROWS = new OutputTag<Conversion>('conversion-rows');
export const QUARANTINED = new OutputTag<Quarantined>('quarantined');
export const LATE = new OutputTag<LateRecord>('late');
export const DUPLICATES = new OutputTag<DuplicateRecord>('duplicates');
export const UNMATCHED = new OutputTag<Unmatched>('unmatched');
