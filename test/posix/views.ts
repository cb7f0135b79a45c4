/** Differences between backends, as changes to the lines of the canonical dump, with reasons. */
import type { BackendName } from "@puzzlefs/posix-suite";

/** Fields of a line; extended attributes follow. */
const [PATH, KIND, UID, GID, DIGEST, XATTRS] = [0, 1, 3, 4, 11, 12] as const;

interface Difference {
  reason: string;
  /** Changes the fields of a line to what is shown. */
  apply: (fields: string[]) => void;
}

/** Takes away the attributes that `wanted` does not hold for. */
function keepXattrs(fields: string[], wanted: (text: string) => boolean): void {
  fields.splice(XATTRS, Infinity, ...fields.slice(XATTRS).filter((text) => wanted(text)));
}

const noTrusted: Difference = {
  reason: "trusted.* is shown to CAP_SYS_ADMIN of the first user namespace only",
  apply: (fields) => keepXattrs(fields, (text) => !text.startsWith("trusted.")),
};

const OVERFLOW = "65534";
const READ = 4;
const EXECUTE = 1;

/** Whether a user namespace's root, the only user that it knows, is let in by permission bits alone. */
function isRefused([, kind, mode, uid, gid]: readonly string[]): boolean {
  if ((kind !== "file" && kind !== "dir") || (uid === "0" && gid === "0")) return false;
  const wanted = kind === "dir" ? READ + EXECUTE : READ;
  const shift = uid === "0" ? 6 : gid === "0" ? 3 : 0;
  return ((Number.parseInt(mode as string, 8) >>> shift) & wanted) !== wanted;
}

const views: Readonly<Record<BackendName, readonly Difference[]>> = {
  kernel: [],
  extract: [],
  "FUSE as root": [],
  "FUSE as nobody": [noTrusted],
  "FUSE in a user namespace": [
    noTrusted,
    {
      reason: "its root has no power over what belongs to users that it does not know",
      apply(fields) {
        if (isRefused(fields)) fields[DIGEST] = "EACCES";
      },
    },
    {
      reason: "the kernel does not show access control lists that name such users, as all of these trees do",
      apply(fields) {
        for (const [i, text] of fields.entries()) {
          if (text.startsWith("system.posix_acl_")) fields[i] = `${text.slice(0, text.indexOf("="))}=EINVAL`;
        }
      },
    },
    {
      reason: "users and groups that it does not know are shown as nobody",
      apply(fields) {
        for (const field of [UID, GID]) if (fields[field] !== "0") fields[field] = OVERFLOW;
      },
    },
  ],
};

/** The dump of an image as a backend shows it, from the dump of its source. */
export function seenBy(backend: BackendName, dump: string): string {
  const differences = views[backend];
  if (differences.length === 0) return dump;
  const closed: string[] = [];
  const lines: string[] = [];
  for (const line of dump.split("\n")) {
    const fields = line.split(" ");
    const path = fields[PATH] ?? "";
    if (line !== "" && closed.some((directory) => path.startsWith(directory))) continue;
    if (line !== "") for (const { apply } of differences) apply(fields);
    if (fields[KIND] === "dir" && fields[DIGEST] === "EACCES") closed.push(`${path}/`);
    lines.push(fields.join(" "));
  }
  return lines.join("\n");
}

export function reasonsOf(backend: BackendName): string[] {
  return views[backend].map(({ reason }) => reason);
}
