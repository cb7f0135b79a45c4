import { escapeName } from "@puzzlefs/linux";
import type { DirectoryBytes, FileBytes } from "@puzzlefs/reader";

/** A part of an image's tree. The areas of an image add up to its files. */
export interface Area extends FileBytes {
  /** Of a directory, escaped. */
  path: string;
  /** All that is in the directory; otherwise only what is in no other area: files, and small directories. */
  isWhole: boolean;
  /** Small directories in a part of a directory. */
  directories: number;
}

/** A directory with less than this part of the image has no area of its own. */
const LEAST_PART = 0.01;
/** Areas that are not divided further if there are so many. */
const MOST_AREAS = 60;
const MOST_DEPTH = 32;

interface Part {
  directory: DirectoryBytes;
  path: string;
  /** The path of the highest directory that has the same files. */
  label: string;
  depth: number;
  /** What of the directory is in no other area; undefined: all of it. */
  rest?: FileBytes & { directories: number };
}

/**
 * Divides a tree into areas, the largest directory first, as long as it has parts that are large enough. The largest area is the
 * first; the number of areas is bounded, whatever the tree.
 */
export function areasOf(root: DirectoryBytes): Area[] {
  const least = Math.max(1, root.stored * LEAST_PART);
  const done: Part[] = [];
  const open: Part[] = [{ directory: root, path: "", label: "", depth: 0 }];
  while (open.length > 0) {
    const at = open.reduce((best, { directory }, i) => (directory.stored > sizeAt(open, best) ? i : best), 0);
    const [part] = open.splice(at, 1) as [Part];
    const { directory, path, depth } = part;
    const large = directory.directories.filter(({ stored }) => stored >= least);
    if (large.length === 0 || depth === MOST_DEPTH || done.length + open.length >= MOST_AREAS) {
      done.push(part);
      continue;
    }
    const rest = { files: directory.files, content: directory.content, stored: directory.stored };
    for (const { files, content, stored } of large) {
      rest.files -= files;
      rest.content -= content;
      rest.stored -= stored;
    }
    for (const child of large) {
      const below = `${path}/${escapeName(child.name)}`;
      const isAlone = large.length === 1 && rest.files === 0 && depth > 0;
      open.push({ directory: child, path: below, label: isAlone ? part.label : below, depth: depth + 1 });
    }
    const directories = directory.directories.length - large.length;
    if (rest.files > 0) done.push({ ...part, rest: { ...rest, directories } });
  }
  return done.map(areaOf).toSorted((a, b) => b.stored - a.stored);
}

function sizeAt(open: readonly Part[], at: number): number {
  return (open[at] as Part).directory.stored;
}

function areaOf({ directory, path, label, rest }: Part): Area {
  const { files, content, stored } = rest ?? directory;
  const isWhole = rest === undefined;
  return {
    path: (isWhole ? label : path) || "/",
    isWhole,
    files,
    content,
    stored,
    directories: rest?.directories ?? 0,
  };
}
