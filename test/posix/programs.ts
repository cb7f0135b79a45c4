/** Common programs that copy and compare trees, as shell commands: they find no difference between an image and its source. */

export interface Program {
  name: string;
  command: string;
}

const everything = "find . -print0 | LC_ALL=C sort -z";

/** Run in the source and in the image: each prints the same in both. */
export const outputs: readonly Program[] = [
  {
    // Text, as mtree(8)'s own comparison takes names for patterns.
    name: "mtree with sha256",
    command: "mtree -c -k type,mode,uid,gid,size,link,nlink,device,time,sha256 -p . | grep -v '^#'",
  },
  {
    name: "bsdtar makes the same archive",
    command: `${everything} | bsdtar --null --no-recursion --format gnutar -cf - -T - | sha256sum`,
  },
  { name: "getfattr", command: "getfattr --absolute-names -R -h -d -m - -e hex . | sort" },
  { name: "getfacl", command: `${everything} | xargs -0 getfacl -P -n` },
];

/** Print what differs between two trees: nothing. @param scratch a directory that does not exist */
export function differences(source: string, image: string, scratch: string): Program[] {
  return [
    {
      name: "rsync with owners, links, ACLs, attributes, checksums",
      command: `rsync -aHAXnc --modify-window=-1 --delete --itemize-changes ${source}/ ${image}/`,
    },
    {
      name: "tar --compare",
      command: `tar -C ${source} --format=pax --sort=name -cf - . 2>/dev/null | tar -C ${image} --compare -f -`,
    },
    {
      name: "cp -a and diff -r",
      command: `cp -a ${image}/debian/etc ${scratch} && diff -r --no-dereference ${source}/debian/etc ${scratch}; rm -rf ${scratch}`,
    },
  ];
}

/** Each block carries a header with its sha256, so that reads of any multiple can be verified. */
export const fioBlock = 4096;

/** Sizes of the writes that fio makes and later verifies, and of the file. */
export const fioFiles = { large: ["64k", "6m"], small: ["4k", "1m"] } as const;

export function fioWrite(file: string, [size, bytes]: readonly [string, string]): string {
  return [
    `fio --name=write --filename=${file} --rw=write --bs=${size} --size=${bytes} --ioengine=psync`,
    `--verify=sha256 --verify_interval=${fioBlock} --do_verify=0 --allow_file_create=1`,
  ].join(" ");
}

/** Pattern of reads, and their size; one after the other in one process, each with the file's pages dropped before. */
const reads = [
  ["read", "1m"],
  ["randread", "4k"],
  ["randread", "64k"],
] as const;

export function fioVerify(file: string, engine: string): string {
  const verify = `--verify=sha256 --verify_interval=${fioBlock} --verify_fatal=1`;
  const jobs = reads.map(([pattern, size]) => `--name=${pattern}-${size} --stonewall --rw=${pattern} --bs=${size}`);
  return `fio --readonly --filename=${file} --ioengine=${engine} --iodepth=8 --invalidate=1 ${verify} ${jobs.join(" ")}`;
}
