// How a measure grows with a number: the exponent of the power that fits best. Pure.

/** A measure at a number of objects. */
export type Point = readonly [number: number, measure: number];

/** Of y = a·x^b that b with the least squares on logarithms; NaN where fewer than two points are positive. */
export function exponentOf(points: readonly Point[]): number {
  const logs = points
    .filter((point) => point.every((one) => one > 0))
    .map(([x, y]) => [Math.log(x), Math.log(y)] as const);
  const mean = (of: 0 | 1): number => logs.reduce((sum, point) => sum + point[of], 0) / logs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const covariance = logs.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const variance = logs.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return covariance / variance;
}
