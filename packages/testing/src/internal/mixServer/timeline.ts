/** Something that is listed by its second of creation. */
export interface Dated {
  readonly createdAt: number
}

/** Up to here, finding the items one by one is cheaper than going through the list. */
const fewItems = 32

/**
 * A list that reads newest second first and, within one second, oldest insertion first.
 *
 * It is kept the other way round, so that a new row, which nearly always belongs to the head, is added at the cheap end.
 */
export class Timeline<A extends Dated> {
  private items: Array<A> = []

  get size(): number {
    return this.items.length
  }

  insert(item: A): void {
    const index = this.firstOf(item.createdAt)
    if (index === this.items.length) this.items.push(item)
    else this.items.splice(index, 0, item)
  }

  remove(gone: ReadonlyArray<A>): void {
    if (gone.length > fewItems) {
      const set = new Set(gone)
      this.items = this.items.filter((item) => !set.has(item))
      return
    }
    for (const item of gone) {
      const index = this.items.indexOf(item, this.firstOf(item.createdAt))
      if (index !== -1) this.items.splice(index, 1)
    }
  }

  page(offset: number, limit: number): Array<A> {
    const end = Math.max(0, this.items.length - offset)
    return this.items.slice(Math.max(0, end - limit), end).reverse()
  }

  /** Where the items of a second start in the array, or would start. */
  private firstOf(second: number): number {
    let low = 0
    let high = this.items.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.items[middle]
      if (other !== undefined && other.createdAt < second) low = middle + 1
      else high = middle
    }
    return low
  }
}
