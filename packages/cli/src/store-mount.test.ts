/** gc and mounts: an image that is mounted stays whole without a tag, and goes after its mount. */
import { collectGarbage, type GarbageReport, Layout } from "@puzzlefs/oci";
import { eventually, running, signalTo } from "@puzzlefs/testing";
import { mountTest, unmountLeftover, withImage } from "./mount-fixture.ts";
import type { TestDirectory } from "./program-fixture.ts";

function collect(directory: TestDirectory): GarbageReport {
  using layout = Layout.open(directory.path("store"));
  return collectGarbage(layout, { grace: 0 });
}

for (const options of [[], ["--supervise"], ["--writable"]]) {
  mountTest(`an image that is mounted stays without a tag: ${options.join(" ")}`, async (t) => {
    using directory = await withImage(t);
    try {
      t.is((await directory.run("mount", "--driver=fuse", ...options, "store:v1", "mnt")).code, 0);
      t.is((await directory.run("untag", "store:v1")).code, 0);
      t.true(collect(directory).inUse.blobs > 0);
      if (options.includes("--supervise")) {
        const [server] = running(`puzzlefs serve ${directory.root}/`);
        signalTo(server?.pid, "SIGKILL");
        // Before there is another one.
        t.true(collect(directory).inUse.blobs > 0);
      }
      const { stdout } = await directory.run("gc", "--grace", "0", "store");
      t.regex(stdout, /^freed +0 blobs, .*\nneeded +0 blobs, .*\nin use +4 blobs, /);
      t.is((await directory.shell("cat mnt/file")).stdout, "content\n");
      t.is((await directory.run("umount", "mnt")).code, 0);
      t.true(await eventually(() => collect(directory).inUse.blobs === 0));
      t.deepEqual((await directory.shell("ls store/blobs/sha256")).stdout, "");
    } finally {
      unmountLeftover(directory);
    }
  });
}
