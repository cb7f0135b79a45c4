/** Through the system's own mount(8), which finds the helper in a /sbin that only this test sees. */
import { writeFileSync } from "node:fs";
import test from "ava";
import { mountTest, withImage } from "./mount-fixture.ts";
import { isBuilt, launcher, runProgram } from "./program-fixture.ts";

const helper = isBuilt ? mountTest : test.skip;

/** `mount` and friends as an administrator uses them; /run/mount is private, for mount(8) keeps notes there. */
const prepare = `
set -e
mkdir -p sbin && mount -t tmpfs tmpfs sbin && mkdir sbin/upper sbin/work
mount -t overlay overlay -o lowerdir=/usr/sbin,upperdir=sbin/upper,workdir=sbin/work /usr/sbin
ln -s '${launcher}' /usr/sbin/mount.puzzlefs
ln -s '${launcher}' /usr/sbin/mount.fuse.puzzlefs
mount -t tmpfs tmpfs /run
puzzlefs() { '${launcher}' "$@"; }
shown() { findmnt --noheadings --raw --output FSTYPE,SOURCE "$PWD/mnt"; }
`;

const cases: [name: string, script: string, output: string][] = [
  [
    "SOURCE names the image",
    "mount -t puzzlefs $PWD/store:v1 mnt; shown; cat mnt/file; umount mnt",
    "fuse.puzzlefs $PWD/store:v1\ncontent\n",
  ],
  [
    "oci_root_dir= and tag=",
    "mount -t puzzlefs -o oci_root_dir=$PWD/store,tag=v1 none mnt; shown; umount mnt",
    "fuse.puzzlefs none\n",
  ],
  [
    "oci_root_dir= and image_manifest=, as the kernel driver has them",
    "mount -t puzzlefs -o oci_root_dir=$PWD/store,image_manifest=$MANIFEST,verify=blob none mnt; cat mnt/file; umount mnt",
    "content\n",
  ],
  [
    "paths are bytes, also behind a link",
    "ln -s store s$'\\xff'; mkdir m$'\\xff'; ln -s m$'\\xff' link; mount -t puzzlefs $PWD/s$'\\xff':v1 link; cat m$'\\xff'/file; umount link; " +
      "mount -t puzzlefs -o oci_root_dir=$PWD/s$'\\xff',tag=v1,persist=$PWD/u$'\\xff' none m$'\\xff'; echo x > link/x; cat u$'\\xff'/x; umount m$'\\xff'",
    "content\nx\n",
  ],
  [
    "SOURCE with colons, as skopeo names images",
    "puzzlefs build root store:registry:5000/x/y:1.0 >&2; mount -t puzzlefs $PWD/store:registry:5000/x/y:1.0 mnt; shown; cat mnt/file; umount mnt",
    "fuse.puzzlefs $PWD/store:registry:5000/x/y:1.0\ncontent\n",
  ],
  [
    "platform=",
    "echo for another machine > root/file; puzzlefs build --platform linux/s390x root store:v1 >&2; " +
      "mount -t puzzlefs -o platform=linux/s390x $PWD/store:v1 mnt; cat mnt/file; umount mnt",
    "for another machine\n",
  ],
  ["-t fuse.puzzlefs", "mount -t fuse.puzzlefs $PWD/store:v1 mnt; shown; umount mnt", "fuse.puzzlefs $PWD/store:v1\n"],
  [
    "-v prints the driver that mounted it",
    "mount -v -t puzzlefs $PWD/store:v1 mnt; umount mnt",
    "mount.puzzlefs: $PWD/mnt mounted by FUSE\n",
  ],
  ["fstab: mount MNT", "mount -T fstab $PWD/mnt; shown; umount mnt", "fuse.puzzlefs $PWD/store:v1\n"],
  [
    "fstab: mount -a, twice",
    "mount -a -T fstab; mount -a -T fstab; shown; findmnt $PWD/other >&2 && exit 1; umount mnt",
    "fuse.puzzlefs $PWD/store:v1\n",
  ],
  [
    "fstab: persist=",
    "mount -T fstab $PWD/other; echo x > other/x; umount other; mount -T fstab $PWD/other; cat other/x; umount other",
    "x\n",
  ],
  [
    "remount changes flags; an image stays read-only",
    "mount -t puzzlefs -o allow_suid,allow_dev $PWD/store:v1 mnt; mount -o remount,rw,nosuid mnt; findmnt -n -o VFS-OPTIONS $PWD/mnt; touch mnt/x || umount mnt",
    "ro,nosuid,relatime\n",
  ],
  [
    "set-uid programs and devices only where they are asked for",
    "for o in defaults allow_suid allow_dev allow_suid,allow_dev allow_dev,nodev; do mount -t puzzlefs -o $o $PWD/store:v1 mnt; findmnt -n -o VFS-OPTIONS $PWD/mnt; umount mnt; done",
    "ro,nosuid,nodev,relatime\nro,nodev,relatime\nro,nosuid,relatime\nro,relatime\nro,nosuid,nodev,relatime\n",
  ],
  [
    "only images are remounted and unmounted by us",
    `mount -t tmpfs none mnt; mount.puzzlefs none mnt -o remount,noexec && exit 1; '${launcher}' umount mnt && exit 1; findmnt -n -o FSTYPE $PWD/mnt; umount mnt`,
    "tmpfs\n",
  ],
  [
    "remount of an overlay",
    "mount -t puzzlefs -o writable $PWD/store:v1 mnt; mount -o remount,ro mnt; touch mnt/x || mount -o remount,rw mnt; echo y > mnt/x; cat mnt/x; umount mnt",
    "y\n",
  ],
  [
    "every option of mount(8)",
    `for o in nosymfollow silent loud iversion noiversion mand nomand lazytime strictatime noatime sync dirsync user users owner group nouser X-a x-a=b comment=a nofail _netdev 'context="a:b:c:s0:c1,c2"'; do mount.puzzlefs $PWD/store:v1 $PWD/mnt -o "driver=fuse,$o" || echo "$o"; umount mnt; done`,
    "",
  ],
  [
    "nosymfollow is the kernel's, also over a writable mount",
    "for o in nosymfollow nosymfollow,writable; do mount -t puzzlefs -o $o $PWD/store:v1 mnt; findmnt -n -o VFS-OPTIONS $PWD/mnt; umount mnt; done",
    "ro,nosuid,nodev,relatime,nosymfollow\nrw,nosuid,nodev,relatime,nosymfollow\n",
  ],
  [
    "-s ignores unknown options, and only these",
    "mount.puzzlefs $PWD/store:v1 mnt -s -o frobnicate,noexec; findmnt -n -o VFS-OPTIONS $PWD/mnt; umount mnt; mount.puzzlefs $PWD/store:v1 mnt -s -o uid=x 2>&1 || echo $?",
    'ro,nosuid,nodev,noexec,relatime\nmount.puzzlefs: mount option uid= needs a number, not "x"\n1\n',
  ],
  [
    "ro and writable: read-only until a remount",
    "mount -t puzzlefs -o ro,writable $PWD/store:v1 mnt; touch mnt/x 2>/dev/null || mount.puzzlefs none mnt -o remount,rw; touch mnt/x; ls mnt; umount mnt",
    "file\nx\n",
  ],
  [
    "a remount refuses what it cannot change, but not what is so already",
    `mount -t puzzlefs -o verify=blob,nosymfollow $PWD/store:v1 mnt
     for o in verify=blob persist=$PWD/up writable supervise uid=7 cache=1M frobnicate driver=kernel; do mount.puzzlefs none mnt -o remount,$o 2>/dev/null && echo "$o"; done
     mount -o remount,noexec,noatime mnt; mount.puzzlefs none mnt -o remount,symfollow; mount.puzzlefs none mnt -o remount,driver=fuse,nofail,user_id=0
     findmnt -n -o VFS-OPTIONS $PWD/mnt; umount mnt`,
    "ro,nosuid,nodev,noexec,noatime\n",
  ],
  [
    "stacked mounts",
    "mount -t puzzlefs $PWD/store:v1 mnt; mount -t puzzlefs -o noexec $PWD/store:v1 mnt; umount mnt; cat mnt/file; umount mnt",
    "content\n",
  ],
];

for (const [name, script, output] of cases) {
  helper(`mount(8): ${name}`, async (t) => {
    using directory = await withImage(t);
    const tags = await directory.run("tags", "--json", "store");
    const manifest = /[0-9a-f]{64}/.exec(tags.stdout)?.[0] ?? "";
    writeFileSync(
      directory.path("fstab"),
      `# /etc/fstab\n${directory.root}/store:v1 ${directory.root}/mnt puzzlefs nosuid,nofail,_netdev,x-systemd.device-timeout=5 0 0\n` +
        `${directory.root}/store:v1 ${directory.root}/other puzzlefs noauto,persist=${directory.root}/up 0 0\n`,
    );
    const all = `mkdir other; MANIFEST=${manifest}\n${prepare}\n${script}`;
    const outcome = await runProgram("unshare", ["--mount", "bash", "-c", all], directory.root);
    t.is(outcome.code, 0, outcome.stderr);
    t.is(outcome.stdout, output.replaceAll("$PWD", directory.root));
  });
}

helper("mount(8): mistakes end with its exit codes", async (t) => {
  using directory = await withImage(t);
  for (const [options, code, message] of [
    ["frobnicate", 1, /unknown mount option "frobnicate"/],
    ["driver=kernel", 32, /the kernel driver cannot mount it: .*ENODEV/],
    ["oci_root_dir=/nowhere,tag=v1", 32, /not an OCI layout/],
    ["tag=v1", 1, /oci_root_dir=DIR is missing/],
    [`verity=${"0".repeat(64)}`, 32, /fs-verity/],
    ["persist=store", 32, /is the image's layout/],
  ] as const) {
    const script = `${prepare}\nmount -t puzzlefs -o ${options} $PWD/store:v1 mnt`;
    const outcome = await runProgram("unshare", ["--mount", "bash", "-c", script], directory.root);
    t.is(outcome.code, code, outcome.stderr);
    t.regex(outcome.stderr, message);
  }
});

helper("contradictions of an option and of -o are refused, and nothing is mounted", async (t) => {
  using directory = await withImage(t);
  for (const [argv, message] of [
    [["--verify", "none", "-o", "verify=blob"], /--verify none and -o verify=blob: which\?/],
    [["--driver", "fuse", "-o", "driver=kernel"], /--driver fuse and -o driver=kernel/],
    [["--persist", "a", "-o", "persist=b"], /--persist a and -o persist=b/],
    [["--log-file", "a", "-o", "log_file=b"], /--log-file a and -o log_file=b/],
    [["--supervise", "--driver", "kernel"], /use --supervise with FUSE only/],
    [["-o", "supervise,driver=kernel"], /use --supervise with FUSE only/],
  ] as const) {
    const { code, stderr } = await directory.run("mount", ...argv, "store:v1", "mnt");
    t.is(code, 2, argv.join(" "));
    t.regex(stderr, message);
    t.is((await directory.shell("ls mnt")).stdout, "");
  }
});
