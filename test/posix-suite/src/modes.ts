import {
  S_IFBLK,
  S_IFCHR,
  S_IFDIR,
  S_IFIFO,
  S_IFLNK,
  S_IFREG,
  S_IFSOCK,
} from "../../../packages/format/src/generated/filetypes.ts";

const types = {
  fifo: S_IFIFO,
  chr: S_IFCHR,
  dir: S_IFDIR,
  blk: S_IFBLK,
  file: S_IFREG,
  lnk: S_IFLNK,
  sock: S_IFSOCK,
} as const;

export type Kind = keyof typeof types;

/** st_mode */
export function modeOf(kind: Kind, permissions: number): number {
  return types[kind] + permissions;
}

const kinds = new Map<number, Kind>(Object.entries(types).map(([kind, type]) => [type >>> 12, kind as Kind]));

/** @param type d_type of getdents64(2): the S_IFMT bits of st_mode, shifted right by 12 */
export function kindOf(type: number): Kind {
  const kind = kinds.get(type);
  if (kind === undefined) throw new Error(`no file is of type ${type}`);
  return kind;
}
