// What was measured, as a table for people and as JSON.
import type { Cell, Target } from "./cells.ts"
import type { Measured } from "./child.ts"
import { median, type Quartiles, quartiles } from "./statistics.ts"

/** Of a cell: for each contender what each round brought, in the order of rounds. */
export type Samples = Readonly<Record<string, ReadonlyArray<Measured>>>

export interface Row {
  readonly contender: string
  /** Wall and processor time in milliseconds for each unit of the cell. */
  readonly ms: Quartiles
  readonly cpuMs: Quartiles
  /** As a multiple of what the first contender took in the same round. */
  readonly time: Quartiles
  readonly cpu: Quartiles
  readonly peakRssMiB: number
  readonly peakRss: number
  readonly heapGrowthMiB: number | undefined
}

export interface Outcome extends Target {
  readonly value: number
  readonly met: boolean
}

export interface Result {
  readonly name: string
  readonly about: string
  readonly unit: string
  readonly measured: number
  /** How far apart the quartiles of the first contender are, as a share of its median: the machine's noise. */
  readonly noise: number
  readonly rows: ReadonlyArray<Row>
  readonly outcomes: ReadonlyArray<Outcome>
  readonly samples: Samples
}

const mebibyte = 1024 * 1024

const growth = ({ heaps }: Measured) => ((heaps.at(-1) ?? 0) - (heaps[0] ?? 0)) / mebibyte

export const summarise = (cell: Cell, samples: Samples): Result => {
  const [first = []] = Object.values(samples)
  const ratios = (of: ReadonlyArray<Measured>, value: (measured: Measured) => number) =>
    of.map((measured, round) => value(measured) / value(first[round] ?? measured))
  const rows = Object.entries(samples).map(
    ([contender, of]): Row => ({
      contender,
      ms: quartiles(of.map(({ ms }) => ms / cell.units)),
      cpuMs: quartiles(of.map(({ cpuMs }) => cpuMs / cell.units)),
      time: quartiles(ratios(of, ({ ms }) => ms)),
      cpu: quartiles(ratios(of, ({ cpuMs }) => cpuMs)),
      peakRssMiB: median(of.map(({ peakRss }) => peakRss / mebibyte)),
      peakRss: median(ratios(of, ({ peakRss }) => peakRss)),
      heapGrowthMiB: of.some(({ heaps }) => heaps.length > 1) ? median(of.map(growth)) : undefined
    })
  )
  const valueOf = ({ contender, measure, than }: Target): number => {
    const row = rows.find((row) => row.contender === contender)
    if (row === undefined) return Number.NaN
    if (measure === "time") return row.time.median
    if (measure === "peakRss") return row.peakRss
    if (measure === "heapGrowth") return row.heapGrowthMiB ?? Number.NaN
    const other = samples[than ?? ""] ?? []
    return median((samples[contender] ?? []).map(({ ms }, round) => (ms - (other[round]?.ms ?? 0)) / cell.units))
  }
  const time = quartiles(first.map(({ ms }) => ms))
  return {
    samples,
    name: cell.name,
    about: cell.about,
    unit: cell.unit,
    measured: first.length,
    noise: (time.q3 - time.q1) / time.median,
    rows,
    outcomes: cell.targets
      .filter(({ contender }) => contender in samples)
      .map((target) => {
        const value = valueOf(target)
        return { ...target, value, met: value <= target.most }
      })
  }
}

const ratio = (value: number) => `${value.toFixed(2)}x`

const span = ({ q1, q3 }: Quartiles) => `${q1.toFixed(2)}-${q3.toFixed(2)}`

const milliseconds = (value: number) => value.toFixed(value < 1 ? 4 : value < 100 ? 2 : 0)

/** One measurement alone tells nothing of noise. */
const percent = (share: number) => (share > 0 ? `${(share * 100).toFixed(0)} %` : "unknown")

export const outcome = ({ contender, measure, met, most, than, value }: Outcome): string => {
  if (Number.isNaN(value)) return `MISS  ${contender}: ${measure} was not measured`
  const said = {
    time: `${ratio(value)} the time, ${ratio(most)} is allowed`,
    peakRss: `${ratio(value)} the peak memory, ${ratio(most)} is allowed`,
    heapGrowth: `live heap grew by ${value.toFixed(1)} MiB, ${most} MiB is allowed`,
    addedMs: `${milliseconds(value)} ms more than ${than}, ${most} ms is allowed`
  }[measure]
  return `${met ? "pass" : "MISS"}  ${contender}: ${said}`
}

const columns = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)))
  return lines
    .map((line) =>
      line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
    )
    .map((cells) => `  ${cells.join("  ").trimEnd()}`)
    .join("\n")
}

export const table = ({ about, name, measured, noise, outcomes, rows, unit }: Result): string => {
  if (measured === 0) return `${name}: not measured, for want of time`
  const sizes = rows.some(({ heapGrowthMiB }) => heapGrowthMiB !== undefined)
  const head = [
    "",
    `ms a ${unit}`,
    "time",
    "quartiles",
    "cpu ms",
    "cpu",
    ...(sizes ? ["peak MiB", "peak", "grew MiB"] : [])
  ]
  const lines = rows.map((row) => [
    row.contender,
    milliseconds(row.ms.median),
    ratio(row.time.median),
    span(row.time),
    milliseconds(row.cpuMs.median),
    ratio(row.cpu.median),
    ...(sizes ? [row.peakRssMiB.toFixed(0), ratio(row.peakRss), row.heapGrowthMiB?.toFixed(1) ?? ""] : [])
  ])
  return [
    `${name}: ${about} (measured ${measured} times, noise ${percent(noise)})`,
    columns([head, ...lines]),
    ...outcomes.map((line) => `  ${outcome(line)}`)
  ].join("\n")
}

export const verdict = (results: ReadonlyArray<Result>): string => {
  const outcomes = results.flatMap(({ name, outcomes }) => outcomes.map((line) => ({ name, ...line })))
  const missed = outcomes.filter(({ met }) => !met)
  const noise = median(results.flatMap(({ measured, noise }) => (measured > 1 ? [noise] : [])))
  return [
    `${outcomes.length - missed.length} of ${outcomes.length} targets met; noise of the machine ${percent(noise)}`,
    ...missed.map((line) => `  ${line.name}  ${outcome(line)}`)
  ].join("\n")
}
