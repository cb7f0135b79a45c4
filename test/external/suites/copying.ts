/** Programs that copy and compare trees find no difference between a mounted image and what it was made of. */
import { sameOutput, silent } from "../compare.ts";
import { guestPaths, imageNames } from "../place.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const { source } = guestPaths;
const minutes = 60_000;

const everything = "find . -print0 | LC_ALL=C sort -z";
/** Text, as mtree(8)'s own comparison takes names for patterns. */
const mtree = "mtree -c -k type,mode,uid,gid,size,link,nlink,device,time,sha256 -p . | grep -v '^#'";

function casesOn(image: string): Case[] {
  const at = guestPaths.image(image);
  const rsync = `rsync -aHAXnc --modify-window=-1 --delete --itemize-changes ${source}/ ${at}/`;
  const archive = `${everything} | bsdtar --null --no-recursion --format gnutar -cf - -T - | sha256sum`;
  const archives: Case[] = [
    { name: "rsync with owners, links, ACLs, attributes, checksums", command: rsync, judge: silent },
    { name: "mtree with sha256", command: sameOutput(image, mtree), judge: silent },
    { name: "bsdtar makes the same archive", command: sameOutput(image, archive), judge: silent },
    {
      name: "tar --compare",
      command: `tar -C ${source} --format=pax --sort=name -cf - . 2>/tmp/ignored | tar -C ${at} --compare -f -`,
      judge: silent,
    },
    {
      name: "getfattr",
      command: sameOutput(image, `getfattr --absolute-names -R -h -d -m - -e hex . | sort`),
      judge: silent,
    },
    { name: "getfacl", command: sameOutput(image, `${everything} | xargs -0 getfacl -P -n`), judge: silent },
    {
      name: "cp -a and diff -r",
      command: `cp -a ${at}/debian/etc /tmp/etc && diff -r --no-dereference ${source}/debian/etc /tmp/etc; rm -rf /tmp/etc`,
      judge: silent,
    },
  ];
  return archives.map((one) => ({ ...one, name: `${image}: ${one.name}`, timeout: 10 * minutes }));
}

export const copying: Suite = {
  name: "copying",
  needs: [],
  driverOnly: false,
  run: async ({ place, report }) => report.runCases(place, "copying", imageNames.flatMap(casesOn)),
};
