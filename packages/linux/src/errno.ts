import { constants } from "node:os";

/** Error numbers, positive: results of calls and replies of FUSE have them negated. */
export const {
  EAGAIN,
  ECONNREFUSED,
  ECONNRESET,
  EINTR,
  EINVAL,
  EIO,
  ELOOP,
  ENAMETOOLONG,
  ENODATA,
  ENODEV,
  ENOENT,
  ENOSYS,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EPIPE,
  EPROTO,
  ERANGE,
  EROFS,
  EXDEV,
} = constants.errno;

const names = new Map<number, string>(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** "ENOENT"; "errno 117" for a number that Node has no name for. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}
