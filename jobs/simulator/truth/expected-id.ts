import { rowId } from '../../attribution/event-id.ts';
import type { SimClick } from '../world/clicks.ts';
import type { SimConversion } from '../world/conversions.ts';
import type { SimImpression } from '../world/impressions.ts';
import { campaignName, creativeName, userName, websiteName } from '../world/population.ts';

/** The ids under which the job knows events: the written ones, or those that the rule for rows without ids gives. */

export function impressionIdOf(event: SimImpression): string {
  if (event.impressionId !== undefined) return event.impressionId;
  return rowId(
    'impression',
    userName(event.user),
    creativeName(event.creative),
    event.timeMs,
    websiteName(event.publisher),
  );
}

export function clickIdOf(event: SimClick): string {
  return event.clickId ?? rowId('click', userName(event.user), campaignName(event.campaign), event.timeMs);
}

export function conversionIdOf(event: SimConversion): string {
  if (event.conversionId !== undefined) return event.conversionId;
  const campaign = event.campaign === undefined ? '' : campaignName(event.campaign);
  return rowId('conversion', userName(event.user), campaign, event.conversionType, event.timeMs);
}
