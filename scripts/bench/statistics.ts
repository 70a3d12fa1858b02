export interface Quartiles {
  readonly q1: number
  readonly median: number
  readonly q3: number
}

const quantile = (sorted: ReadonlyArray<number>, share: number): number => {
  const place = (sorted.length - 1) * share
  const below = sorted[Math.floor(place)] ?? Number.NaN
  const above = sorted[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/** Not a number if one of the values is none. */
export const quartiles = (values: ReadonlyArray<number>): Quartiles => {
  if (values.some(Number.isNaN)) return { q1: Number.NaN, median: Number.NaN, q3: Number.NaN }
  const sorted = [...values].sort((a, b) => a - b)
  return { q1: quantile(sorted, 0.25), median: quantile(sorted, 0.5), q3: quantile(sorted, 0.75) }
}

export const median = (values: ReadonlyArray<number>): number => quartiles(values).median
