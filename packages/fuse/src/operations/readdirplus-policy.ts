/** Directories listed with all attributes after a LOOKUP showed that they are needed: at first, and at most. */
const FEWEST = 16;
const MOST = 256;

/**
 * Decides whether READDIRPLUS returns the attributes of other inodes than directories. Some programs need all of them
 * (`ls -l`, tar): each missing one costs a LOOKUP. Others need names only (find, a shell's *): each one costs the kernel an
 * inode. So they are left out until a name that was listed without them is looked up; then the next directories have them.
 */
export class ReaddirplusPolicy {
  #directory = 0;
  #granted = 0;
  #next = FEWEST;

  /** To be called once for each listing of a directory. */
  wantsAttributes(directory: number): boolean {
    if (this.#granted > 0) {
      this.#granted--;
      return true;
    }
    // No name of the last directory listed without them was looked up.
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
