import { constants } from "node:os";

/** Positive error numbers, as replies carry them negated. */
export const {
  EAGAIN,
  EINTR,
  EINVAL,
  EIO,
  ENAMETOOLONG,
  ENODATA,
  ENODEV,
  ENOENT,
  ENOSYS,
  ENXIO,
  EOPNOTSUPP,
  EPROTO,
  ERANGE,
  EROFS,
} = constants.errno;

const NAMES = new Map<number, string>(Object.entries(constants.errno).map(([name, number]) => [number, name]));

export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `errno ${errno}`;
}

/** The code of a failed system call ("ENOENT"), or undefined if `error` is something else. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}
