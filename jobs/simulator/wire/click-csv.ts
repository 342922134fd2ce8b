import type { Trouble } from '../log/slot-plan.ts';
import type { SimClick } from '../world/clicks.ts';
import type { SimConversion } from '../world/conversions.ts';
import { advertiserName, campaignName, userName } from '../world/population.ts';
import { badTimestampOf, cutText } from './corruption.ts';
import { timestampText } from './timestamp-text.ts';

/** The columns, in order: those of the case first. Rows without ids leave all behind them empty. */
export const CLICK_CSV_HEADER =
  'event_timestamp,user_id,ad_campaign_id,conversion_type,click_id,impression_id,event_id,order_id,advertiser_id,value,currency';

/** One CSV line without line end. */
export function clickCsv(click: SimClick, trouble: Trouble): Uint8Array {
  const head = headOf(click, click.campaign, trouble);
  // Both spellings of "this is a click".
  const type = click.index % 3 === 0 ? 'click' : '';
  return bytesOf(`${head},${type},${click.clickId ?? ''},${click.impressionId ?? ''},,,,,`, trouble);
}

/** One CSV line without line end. */
export function conversionCsv(conversion: SimConversion, trouble: Trouble): Uint8Array {
  const head = headOf(conversion, conversion.campaign, trouble);
  const advertiser = conversion.advertiser === undefined ? '' : advertiserName(conversion.advertiser);
  const isBad = trouble === 'badValue';
  const value = isBad
    ? BAD_VALUES[conversion.index % 3]!
    : conversion.valueCents === undefined
      ? ''
      : centsText(conversion.valueCents);
  const currency = isBad ? (conversion.index % 3 === 2 ? 'dollars' : 'USD') : (conversion.currency ?? '');
  return bytesOf(
    `${head},${conversion.conversionType},${conversion.clickId ?? ''},,${conversion.conversionId ?? ''},${conversion.orderId ?? ''},${advertiser},${value},${currency}`,
    trouble,
  );
}

const BAD_VALUES = ['-12.50', '1e3', '7.25'] as const;

function headOf(event: SimClick | SimConversion, campaign: number | undefined, trouble: Trouble): string {
  const time = badTimestampOf(trouble, event.index) ?? timestampText(event.timeMs, event.timeForm);
  const user = trouble === 'missingField' ? '' : userName(event.user);
  const name = campaign === undefined ? '' : campaignName(campaign) + (event.isReferenceUnknown ? '-unknown' : '');
  return `${time},${user},${name}`;
}

function centsText(cents: number): string {
  const rest = cents % 100;
  return `${Math.floor(cents / 100)}.${rest < 10 ? '0' : ''}${rest}`;
}

function bytesOf(row: string, trouble: Trouble): Uint8Array {
  return Buffer.from(trouble === 'unparseable' ? cutText(row) : row, 'latin1');
}
