import { UserError } from '../../engine/base/errors.ts';

export interface Campaign {
  readonly campaignId: string;
  readonly advertiserId: string;
  /** A click counts for conversions at `click <= conversion < click + clickWindowMs`. */
  readonly clickWindowMs: number;
}

/** What the job knows of campaigns: which creative belongs to which, and whose they are. */
export interface AdCatalog {
  campaignOfCreative(creativeId: string): Campaign | undefined;
  campaign(campaignId: string): Campaign | undefined;
}

/** A catalog as plain data: a file, a table, a message. */
export interface CatalogData {
  readonly campaigns: readonly Campaign[];
  readonly creatives: readonly { readonly creativeId: string; readonly campaignId: string }[];
}

/** @throws UserError CONFIGURATION for a creative whose campaign is not listed. */
export function createCatalog(data: CatalogData): AdCatalog {
  const campaigns = new Map(data.campaigns.map((campaign) => [campaign.campaignId, campaign]));
  const byCreative = new Map<string, Campaign>();
  for (const { creativeId, campaignId } of data.creatives) {
    const campaign = campaigns.get(campaignId);
    if (campaign === undefined) {
      throw new UserError(
        'CONFIGURATION',
        `catalog: creative ${creativeId} names campaign ${campaignId}, which is not listed`,
      );
    }
    byCreative.set(creativeId, campaign);
  }
  return {
    campaignOfCreative: (creativeId) => byCreative.get(creativeId),
    campaign: (campaignId) => campaigns.get(campaignId),
  };
}
