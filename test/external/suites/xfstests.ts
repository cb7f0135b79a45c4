/** Programs of xfstests that do not write, on a mounted image; where they only print, beside the same on the source. */
import { unsuited } from "../exclusions.ts";
import { sameOutput, silent } from "../compare.ts";
import { handleFiles } from "../material.ts";
import { guestPaths, idShift, imageNames, type Outcome } from "../target.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const { source } = guestPaths;
const bin = "/suites/xfstests";
const minutes = 60_000;
/** Seconds for programs that only a signal ends, and the exit code of timeout(1) then. */
const patience = 8;
const timedOut = 124;

const dropCaches = "echo 3 >/proc/sys/vm/drop_caches";

function directories(): Case[] {
  const types = "f d l c b p s w u".split(" ");
  const typesOf = (type: string): string => `${bin}/t_dir_type hostile/special ${type} | sort`;
  return [
    {
      name: "t_dir_type: names and types",
      command: `for directory in hostile hostile/names hostile/special hostile/attributes hostile/links hostile/large-directory debian/etc
        do echo $directory; ${bin}/t_dir_type $directory | LC_ALL=C sort; done`,
    },
    { name: "t_dir_type: by type", command: types.map((type) => `echo ${type}; ${typesOf(type)}`).join("; ") },
  ];
}

/** Each compares a program's output on the source and on the image. */
function outputs(): Case[] {
  const special =
    "hostile/special/* hostile/owners/* hostile/modes/file-* hostile/links/[cf]* hostile/links/s* hostile/links/third";
  const withAttributes = "hostile/attributes/* hostile/attributes";
  return [
    ...directories(),
    { name: "lstat64", command: `for file in ${special}; do ${bin}/lstat64 -t "$file"; done` },
    {
      name: "t_get_file_time",
      command: `for file in debian/etc/p* hostile/sizes/text-?; do ${bin}/t_get_file_time "$file" mtime sec; ${bin}/t_get_file_time "$file" mtime nsec; done`,
    },
    {
      name: "listxattr, with room enough and too little",
      command: `for file in ${withAttributes}; do ${bin}/listxattr "$file" | sort; ${bin}/listxattr "$file" 3 2>&1 | sed 's/[^:]*$//'; done`,
    },
    {
      name: "mmapcat",
      command: `find debian/etc debian/usr/share -type f -size -4 -print0 | LC_ALL=C sort -z | head -z -n 60 | xargs -0 -n 1 ${bin}/mmapcat`,
    },
    {
      name: "splice2pipe does not write into the page cache",
      command: `${bin}/splice2pipe debian/etc/debian_version 1 x; cat debian/etc/debian_version`,
    },
  ];
}

/** Programs that find mistakes themselves. */
function checks(image: string): Case[] {
  const below = (path: string): string => `${image}/${path}`;
  const offsets = ["special", "attributes", "owners"].map((name) => below(`hostile/${name}`));
  const small = [...offsets, below("handles/below"), below("debian/usr/bin")];
  return [
    {
      name: "t_dir_offset",
      command: `for directory in ${small.join(" ")}; do ${bin}/t_dir_offset $directory || exit; done`,
    },
    {
      name: "t_dir_offset2: seeking to every offset",
      command: small.flatMap((path) => [4096, 300].map((size) => `${bin}/t_dir_offset2 ${path} ${size}`)).join(" && "),
      judge: silent,
    },
    {
      name: "t_dir_offset2: names and inode numbers",
      command: ["file000000", "file000150", "absent"]
        .map((name) => `${bin}/t_dir_offset2 ${below("handles/below")} 300 ${name}`)
        .join(" && "),
      judge: noise,
    },
    ...["t_readdir_1", "t_readdir_2"].map((program) => ({
      name: `${program}: one reads and one seeks in the same directory`,
      command: `timeout ${patience} ${bin}/${program} ${below("hostile/large-directory")}`,
      judge: ({ status }: Outcome) => (status === timedOut ? undefined : `ended by itself: ${status}`),
    })),
    {
      name: "stat_test: statx and stat agree",
      command: `cd ${image}; for file in hostile/special/* hostile/owners/* hostile/modes/file-* hostile/links/* hostile/sizes; do
          links=$(cd ${source} && stat -c %h "$file") || exit
          for flags in "-m all" "-F -m basic"; do ${bin}/stat_test $flags "$file" stx_nlink=$links || exit; done
        done`,
    },
    {
      name: "fssum",
      command: `${bin}/fssum -AS -f -w /tmp/expected ${source} && ${bin}/fssum -r /tmp/expected ${image}`,
      timeout: 15 * minutes,
    },
    {
      name: "seek_copy_test: copies by SEEK_DATA and SEEK_HOLE",
      command: ["sparse", "sparse-hole-at-the-end", "sparse-nothing", "sizes/large", "sizes/text-65537"]
        .map(
          (file) =>
            `rm -f /tmp/copy; ${bin}/seek_copy_test ${below(`hostile/${file}`)} /tmp/copy && cmp /tmp/copy ${source}/hostile/${file}`,
        )
        .join(" && "),
      judge: silent,
    },
    {
      name: "t_mmap_write_ro: a direct read into a read-only mapping",
      command: `${bin}/t_mmap_write_ro ${source}/hostile/sizes/large ${below("hostile/sizes/random-65537")}; cmp ${source}/hostile/sizes/random-65537 ${below("hostile/sizes/random-65537")}`,
      judge: ({ status, stderr }) =>
        status === 0 && stderr.trim() === "read: Bad address" ? undefined : "it was written",
    },
    {
      name: "scaleread: two processors read the same files",
      command: `ln -sf ${below("fio/large")} /tmp/tst.0; ln -sf ${below("hostile/sizes/large")} /tmp/tst.1; ${dropCaches}; ${bin}/scaleread -c 2 -f 2 -b 4m`,
    },
  ];
}

const noise = ({ status, stderr }: Outcome): string | undefined =>
  status === 0 && stderr === "" ? undefined : `exit status ${status}`;

/** File handles, as an NFS server uses them. */
function handles(image: string): Case[] {
  const directory = `${image}/handles/below`;
  const open = (options: string): string => `${bin}/open_by_handle ${options} ${directory} ${handleFiles}`;
  const remount = [`set -- $(grep " ${image} " /proc/mounts)`, `umount ${image} && mount -t $3 -o $4 $1 ${image}`].join(
    "; ",
  );
  return [
    { name: "open_by_handle: cached", command: open("-n -p -r") },
    { name: "open_by_handle: caches dropped", command: open("-p -r") },
    { name: "open_by_handle: files kept open", command: open("-k -r") },
    { name: "open_by_handle: size of handles asked for", command: open("-z") },
    { name: "open_by_handle: mount IDs", command: open("-M -p") },
    {
      name: "open_by_handle: handles outlive the mount",
      command: `${open("-p -o /tmp/handles")} && ${remount} && ${bin}/open_by_handle -p -r -i /tmp/handles ${image} ${handleFiles}`,
    },
  ];
}

/** Owners of everything, through a mount that moves them all. */
function idmapped(image: string): Case {
  const owners = (tree: string, shift: number): string =>
    `find ${tree} -xdev -printf '%U %G %P\\n' | LC_ALL=C sort -k 3 | awk -v shift=${shift} '{ print $1 + shift, $2 + shift, $3 }' | sha256sum`;
  return {
    name: "mount-idmapped: owners are moved",
    command: [
      "mkdir -p /tmp/moved",
      `${bin}/vfs/mount-idmapped --map-mount=$(readlink ${guestPaths.userNamespace}) ${image} /tmp/moved || exit`,
      `expected=$(${owners(`${source}/debian`, idShift)}); found=$(${owners("/tmp/moved/debian", 0)})`,
      `umount /tmp/moved; [ "$expected" = "$found" ]`,
    ].join("\n"),
  };
}

function casesOn(name: string): Case[] {
  const image = guestPaths.image(name);
  const compared = outputs().map((one) => ({ ...one, command: sameOutput(name, one.command), judge: silent }));
  const cases = [...compared, ...checks(image), ...handles(image), idmapped(image)];
  return cases.map((one) => ({ ...one, name: `${name}: ${one.name}` }));
}

/** The programs above, where the suite's own build leaves them. */
const programs =
  "t_dir_type t_dir_offset t_dir_offset2 t_readdir_1 t_readdir_2 mmapcat lstat64 t_get_file_time listxattr stat_test fssum " +
  "seek_copy_test splice2pipe t_mmap_write_ro scaleread open_by_handle vfs/mount-idmapped";

export const xfstests: Suite = {
  name: "xfstests",
  needs: [{ name: "xfstests", directory: "src", files: programs.split(" ") }],
  driverOnly: false,
  run: async ({ target, report }) => {
    for (const { name } of unsuited) report.excludes(target, "xfstests", name);
    await report.runCases(target, "xfstests", imageNames.flatMap(casesOn));
  },
};
