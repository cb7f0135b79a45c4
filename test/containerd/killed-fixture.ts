/**
 * A snapshotter that goes through all its operations, and is killed before one of its calls that could change something.
 *
 *     node killed-fixture.ts ROOT SOCKET CONTENT_STORE IMAGE CALL [MANIFEST NAME]
 *
 * With the packed manifest and its name in a registry, the image is a lazy one of one pack. CALL is the number of the call, 0 for none. Prints the number of calls.
 */
import { watchCalls } from "../../packages/oci/src/watched-calls-fixture.ts";

const [root = "", address = "", contentStore = "", image = "", last = "", manifest = "", name] = process.argv.slice(2);
let count = 0;

watchCalls(() => {
  if (++count === Number(last)) process.kill(process.pid, "SIGKILL");
});

const { startSnapshotter } = await import("@puzzlefs/containerd");
const { ServiceClient } = await import("./client.ts");
const { chainOf, cleanup, commit, labelsOf, list, packLabels, prepare, remove } =
  await import("./snapshots-fixture.ts");
const { Snapshots } = await import("../../packages/containerd/src/generated/snapshots_pb.js");

const log = (): void => undefined;
const snapshotter = await startSnapshotter({
  root,
  address,
  contentStore,
  driver: "fuse",
  access: { plainHttp: true },
  log,
});
const client = new ServiceClient(Snapshots, address);
await client.call(prepare, { key: "extract", labels: labelsOf(image) }).catch(() => undefined);
let top = chainOf(image);
if (name !== undefined) {
  const labels = packLabels(image, 1, manifest, name);
  await client.call(prepare, { key: "pack", parent: top, labels }).catch(() => undefined);
  const [found] = await client.stream(list, { filters: [`parent==${JSON.stringify(top)}`] });
  top = found?.info[0]?.name ?? "";
}
await client.call(prepare, { key: "container", parent: top });
await client.call(prepare, { key: "layer" });
await client.call(commit, { key: "layer", name: "ordinary" });
await client.call(prepare, { key: "over", parent: "ordinary" });
for (const key of new Set(["over", "ordinary", "container", top, chainOf(image)])) await client.call(remove, { key });
await client.call(cleanup, {});
client.close();
await snapshotter.stop();
// The number of the last calls differs a little.
if (Number(last) > 0) process.kill(process.pid, "SIGKILL");
console.log(count);
process.exit();
