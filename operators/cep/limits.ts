/** Records of a key that wait for the watermark and are stored with its partial matches; more go to a map of their own. */
export const QUEUED_INLINE_MAX = 1024;
