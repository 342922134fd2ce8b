/** Where a combiner of watermarks puts what it decides; calls come in the order in which they must be forwarded. */
export interface WatermarkStatusOutput {
  /** Strictly larger than the one before. */
  emitWatermark(watermarkMs: number): void;
  /** Only on a change; everything is active at first. */
  emitStatus(isIdle: boolean): void;
}
