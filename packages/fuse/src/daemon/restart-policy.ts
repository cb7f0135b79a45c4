/** A server that dies within this time without having answered a request died young; milliseconds. */
const YOUNG = 10_000;
/** Number of young deaths in a row after which no server is started any more. */
const MOST_YOUNG = 6;
const FIRST_PAUSE = 100;

/** Deaths within a minute without a pause. Beyond, a server that dies at every other request would keep a CPU busy. */
const FREE = 10;
const MINUTE = 60_000;
const STEP = 50;
const LONGEST_PAUSE = 1000;

/** When the next server starts after one has died. Times are milliseconds of one clock. */
export class RestartPolicy {
  #young = 0;
  #deaths: number[] = [];

  /**
   * Milliseconds until another is started; undefined: none is started any more.
   *
   * @param worked whether it answered requests: then the cause of its death does not kill every server
   */
  afterDeath(started: number, died: number, worked: boolean): number | undefined {
    this.#young = worked || died - started >= YOUNG ? 0 : this.#young + 1;
    if (this.#young >= MOST_YOUNG) return undefined;
    this.#deaths = [...this.#deaths.filter((time) => died - time < MINUTE), died];
    const forYouth = this.#young < 2 ? 0 : FIRST_PAUSE * 2 ** (this.#young - 2);
    const forNumber = Math.max(0, this.#deaths.length - FREE) * STEP;
    return Math.max(forYouth, Math.min(forNumber, LONGEST_PAUSE));
  }
}
