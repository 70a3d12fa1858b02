/** Where rows of different heights stand below each other. A row that was never drawn is as high as a guess. */

const guess = 104

export class Rows {
  private heights = new Map<string, number>()
  private ids: ReadonlyArray<string> = []
  private tops: ReadonlyArray<number> | undefined

  setIds(ids: ReadonlyArray<string>): void {
    this.ids = ids
    this.tops = undefined
  }

  /** Whether that is news. */
  setHeight(id: string, height: number): boolean {
    if (this.heights.get(id) === height) return false
    this.heights.set(id, height)
    this.tops = undefined
    return true
  }

  /** The top of a row; of the one after the last, the height of all. */
  top(index: number): number {
    return this.all()[Math.min(index, this.ids.length)] ?? 0
  }

  /** The row that covers this line. */
  at(line: number): number {
    const tops = this.all()
    let low = 0
    let high = Math.max(0, this.ids.length - 1)
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((tops[middle] ?? 0) <= line) low = middle
      else high = middle - 1
    }
    return low
  }

  private all(): ReadonlyArray<number> {
    if (this.tops !== undefined) return this.tops
    const tops = [0]
    let top = 0
    for (const id of this.ids) {
      top += this.heights.get(id) ?? guess
      tops.push(top)
    }
    this.tops = tops
    return tops
  }
}
