/** Directories that are listed with all attributes after one was needed: at first, and at most. */
const FEWEST = 16;
const MOST = 256;

/**
 * Whether READDIRPLUS should bring along the attributes of what is no directory. Some programs look at all of them (`ls
 * -l`, tar): each that is missing costs a LOOKUP. Others want names only (find, a shell's *): each that is there costs the
 * kernel an inode. So they are left out until a name that was listed without is looked up; then they come for a while.
 */
export class ReaddirplusPolicy {
  #directory = 0;
  #granted = 0;
  #next = FEWEST;

  /** Asked once for each listing of a directory. */
  wantsAttributes(directory: number): boolean {
    if (this.#granted > 0) {
      this.#granted--;
      return true;
    }
    // The last one listed without was left alone.
    if (this.#directory !== 0) this.#next = Math.max(this.#next / 2, FEWEST);
    this.#directory = directory;
    return false;
  }

  lookedUp(directory: number): void {
    if (directory !== this.#directory) return;
    this.#directory = 0;
    this.#granted = this.#next;
    this.#next = Math.min(this.#next * 2, MOST);
  }
}
