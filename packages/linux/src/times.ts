import { bind, check } from "./library.ts";
import { AT_SYMLINK_NOFOLLOW } from "./open-flags.ts";
import { nulTerminated, printable, type Path } from "./paths.ts";

/** A point in time: seconds since 1970 (negative before) and 0 … 999,999,999 nanoseconds. */
export interface Timestamp {
  seconds: number;
  nanoseconds: number;
}

/** tv_nsec that leaves this time as it is. */
const UTIME_OMIT = 0x3ffffffe;

const utimensatNative = bind("int utimensat(int dirfd, const void *path, const void *times, int flags)");
const futimensNative = bind("int futimens(int fd, const void *times)");

/** Sets times exactly to the nanosecond, not following a symlink; an absent time stays as it is. */
export function utimensat(directory: number, path: Path, modified?: Timestamp, accessed?: Timestamp): void {
  const times = encode(modified, accessed);
  const result = utimensatNative(directory, nulTerminated(path), times, AT_SYMLINK_NOFOLLOW);
  check(result, "utimensat", () => printable(path));
}

/** The same for an open file. */
export function futimens(descriptor: number, modified?: Timestamp, accessed?: Timestamp): void {
  check(futimensNative(descriptor, encode(modified, accessed)), "futimens");
}

/** struct timespec[2]: access time, then modification time. */
function encode(modified: Timestamp | undefined, accessed: Timestamp | undefined): Uint8Array {
  const fields = [accessed, modified].flatMap((time) =>
    time === undefined ? [0n, BigInt(UTIME_OMIT)] : [BigInt(time.seconds), BigInt(time.nanoseconds)],
  );
  return new Uint8Array(new BigInt64Array(fields).buffer);
}
