import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { SnapshotError } from "./errors.ts";
import { Kind, type Labels, type Snapshot, type Usage } from "./snapshot.ts";

const VERSION = 1;
const SCHEMA = `
CREATE TABLE snapshot (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  parent INTEGER REFERENCES snapshot(id),
  kind INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  labels TEXT NOT NULL,
  image TEXT,
  base TEXT,
  size INTEGER NOT NULL DEFAULT 0,
  inodes INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX snapshot_parent ON snapshot(parent);
CREATE INDEX snapshot_image ON snapshot(image);
CREATE INDEX snapshot_base ON snapshot(base);
PRAGMA user_version = ${VERSION};
`;
const SELECT = `SELECT s.*, ifnull(p.name, '') AS parent_name FROM snapshot s LEFT JOIN snapshot p ON p.id = s.parent`;

/** What is recorded of a new snapshot. */
export type NewSnapshot = Pick<Snapshot, "name" | "kind" | "labels" | "parentId" | "image" | "base">;

/**
 * The snapshots, in a database of SQLite. Each change is durable when its call returns, and is done as a whole or not at all. All calls
 * are synchronous: nothing else of this process comes between.
 */
export class SnapshotDatabase {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @param path of the file, in a directory that no other user can change. Throws SnapshotError (precondition) for that of a newer version. */
  constructor(path: string) {
    this.#database = new DatabaseSync(path, { enableForeignKeyConstraints: true });
    this.#database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    const { user_version: version } = this.#database.prepare("PRAGMA user_version").get() as { user_version: number };
    if (version === 0) this.#database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT`);
    else if (version !== VERSION) {
      this.#database.close();
      throw new SnapshotError(
        "precondition",
        `${path}: version ${version} of the records, this program knows ${VERSION}`,
      );
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Undefined if there is none of that name. */
  find(name: string): Snapshot | undefined {
    return this.#one(`${SELECT} WHERE s.name = ?`, name);
  }

  /** Throws SnapshotError (notFound). */
  get(name: string): Snapshot {
    const found = this.find(name);
    if (found === undefined) throw new SnapshotError("notFound", `snapshot ${JSON.stringify(name)}: not found`);
    return found;
  }

  /** The parents of a snapshot, the nearest first. */
  parentsOf({ parentId }: Snapshot): Snapshot[] {
    const parents: Snapshot[] = [];
    for (let id = parentId; id !== undefined; id = parents.at(-1)?.parentId) {
      const parent = this.#one(`${SELECT} WHERE s.id = ?`, id);
      if (parent === undefined) break;
      parents.push(parent);
    }
    return parents;
  }

  /** All snapshots, parents before their children. */
  *all(): Generator<Snapshot> {
    for (const row of this.#prepare(`${SELECT} ORDER BY s.id`).all()) yield snapshotOf(row as unknown as Row);
  }

  hasChildren({ id }: Snapshot): boolean {
    return this.#prepare("SELECT 1 FROM snapshot WHERE parent = ? LIMIT 1").get(id) !== undefined;
  }

  /** Whether a container's snapshot, or another one that is not committed, is above this image. */
  isImageUsed(image: string): boolean {
    const used = `SELECT 1 FROM snapshot WHERE base = ? AND kind <> ${Kind.COMMITTED} LIMIT 1`;
    return this.#prepare(used).get(image) !== undefined;
  }

  isImageNeeded(image: string): boolean {
    return this.#prepare("SELECT 1 FROM snapshot WHERE image = ? LIMIT 1").get(image) !== undefined;
  }

  /** Records a snapshot; `make` makes what belongs to it, and if that fails, nothing is recorded. Throws SnapshotError (alreadyExists). */
  add(snapshot: NewSnapshot, make: (id: number) => void = () => {}): Snapshot {
    const { name, kind, labels, parentId, image, base } = snapshot;
    return this.#transaction(() => {
      if (this.find(name) !== undefined)
        throw new SnapshotError("alreadyExists", `snapshot ${JSON.stringify(name)}: already exists`);
      const now = Date.now();
      const values = [name, parentId ?? null, kind, now, now, JSON.stringify(labels), image ?? null, base ?? null];
      const columns = "name, parent, kind, created, updated, labels, image, base";
      this.#prepare(`INSERT INTO snapshot (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`).run(...values);
      const added = this.get(name);
      make(added.id);
      return added;
    });
  }

  /** Throws SnapshotError: notFound and precondition if the snapshot has been changed meanwhile, alreadyExists for the new name. */
  commit({ id, name: key }: Snapshot, name: string, labels: Labels, image: string | undefined, usage: Usage): void {
    this.#transaction(() => {
      if (this.get(key).id !== id || this.get(key).kind !== Kind.ACTIVE)
        throw new SnapshotError("precondition", `snapshot ${JSON.stringify(key)}: not active`);
      if (this.find(name) !== undefined)
        throw new SnapshotError("alreadyExists", `snapshot ${JSON.stringify(name)}: already exists`);
      const set = "name = ?, kind = ?, created = ?, updated = ?, labels = ?, image = ?, size = ?, inodes = ?";
      const now = Date.now();
      const { bytes, inodes } = usage;
      const values = [name, Kind.COMMITTED, now, now, JSON.stringify(labels), image ?? null, bytes, inodes];
      this.#prepare(`UPDATE snapshot SET ${set} WHERE id = ?`).run(...values, id);
    });
  }

  setLabels({ id }: Snapshot, labels: Labels): void {
    const update = "UPDATE snapshot SET labels = ?, updated = ? WHERE id = ?";
    this.#prepare(update).run(JSON.stringify(labels), Date.now(), id);
  }

  remove({ id }: Snapshot): void {
    this.#prepare("DELETE FROM snapshot WHERE id = ?").run(id);
  }

  #one(query: string, value: SQLInputValue): Snapshot | undefined {
    const row = this.#prepare(query).get(value);
    return row === undefined ? undefined : snapshotOf(row as unknown as Row);
  }

  #prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) this.#statements.set(text, (statement = this.#database.prepare(text)));
    return statement;
  }

  #transaction<T>(action: () => T): T {
    this.#database.exec("BEGIN IMMEDIATE");
    try {
      const result = action();
      this.#database.exec("COMMIT");
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    }
  }
}

interface Row {
  id: number;
  name: string;
  parent: number | null;
  parent_name: string;
  kind: Kind;
  created: number;
  updated: number;
  labels: string;
  image: string | null;
  base: string | null;
  size: number;
  inodes: number;
}

function snapshotOf({ parent, parent_name, labels, image, base, ...rest }: Row): Snapshot {
  return {
    ...rest,
    parent: parent_name,
    parentId: parent ?? undefined,
    labels: JSON.parse(labels) as Labels,
    image: image ?? undefined,
    base: base ?? undefined,
  };
}
