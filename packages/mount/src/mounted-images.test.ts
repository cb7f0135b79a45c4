import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseMountInfo } from "@puzzlefs/fuse";
import { temporaryDirectory } from "@puzzlefs/testing/temporary";
import test from "ava";
import { imagesOf, mountedImages } from "./mounted-images.ts";

const directory = temporaryDirectory();
const image = "0123456789abcdef".repeat(4);

test("images are found in the list of mounts: of the driver, and below overlays", (t) => {
  const found = (line: string): string[] => parseMountInfo(line).flatMap(imagesOf);
  const mount = (rest: string): string => `36 35 0:40 / /mnt ro,relatime shared:1 - ${rest}`;
  t.deepEqual(found(mount(`puzzlefs /s:v1 ro,oci_root_dir=/srv/a\\054b,image_manifest=${image},verify=blob`)), [image]);
  t.deepEqual(found(mount(`puzzlefs none ro,oci_root_dir=/srv/a,metadata=${image}`)), [image]);
  const [table, packed] = ["f".repeat(64), `image_manifest=${image},places=`];
  t.deepEqual(found(mount(`puzzlefs none ro,oci_root_dir=/srv,${packed}${table},verify=blob`)), [image, table]);
  t.deepEqual(
    found(mount(`overlay /s:v1 rw,lowerdir=/run/puzzlefs-${image}-AB_c-d/lower,upperdir=/u,workdir=/u.work`)),
    [image],
  );
  for (const other of [
    `ext4 /dev/vda rw,image_manifest=${image}`,
    `fuse.puzzlefs /s:v1 ro,user_id=0`,
    `overlay overlay rw,lowerdir=/a/puzzlefs-x/lower,upperdir=/u`,
    `puzzlefs none ro,image_manifest=${image.slice(1)}`,
  ])
    t.deepEqual(found(mount(other)), [], other);
});

const isolated = spawnSync("unshare", ["--mount", "true"]).status === 0 ? test : test.skip;

isolated("mounts in other mount namespaces are seen", async (t) => {
  t.false(mountedImages().has(image));
  const name = join(directory, `puzzlefs-${image}-test`);
  const script = `
    mkdir -p "$0" && mount -t tmpfs tmpfs "$0" && cd "$0" && mkdir lower upper work at
    mount -t overlay overlay -o lowerdir="$0/lower",upperdir=upper,workdir=work at && echo mounted && cat`;
  const other = spawn("unshare", ["--mount", "--propagation", "private", "sh", "-c", script, name]);
  try {
    const [line] = (await once(other.stdout, "data")) as [Buffer];
    t.is(line.toString(), "mounted\n");
    t.true(mountedImages().has(image));
  } finally {
    const end = once(other, "exit");
    other.stdin.end();
    await end;
  }
  t.false(mountedImages().has(image));
});
