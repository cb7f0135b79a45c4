/**
 * A snapshotter that goes through all its operations, and is killed before one of its calls that could change something.
 *
 *     node killed-fixture.ts ROOT SOCKET CONTENT_STORE IMAGE CALL
 *
 * CALL is the number of the call, 0 for none. Prints the number of calls.
 */
import { watchCalls } from "../../packages/oci/src/watched-calls-fixture.ts";

const [root = "", address = "", contentStore = "", image = "", last = ""] = process.argv.slice(2);
let count = 0;

watchCalls(() => {
  if (++count === Number(last)) process.kill(process.pid, "SIGKILL");
});

const { startSnapshotter } = await import("@puzzlefs/containerd");
const { ServiceClient } = await import("./client.ts");
const { chainOf, cleanup, commit, labelsOf, prepare, remove } = await import("./snapshots-fixture.ts");
const { Snapshots } = await import("../../packages/containerd/src/generated/snapshots_pb.js");

const log = (): void => undefined;
const snapshotter = await startSnapshotter({ root, address, contentStore, driver: "fuse", log });
const client = new ServiceClient(Snapshots, address);
await client.call(prepare, { key: "extract", labels: labelsOf(image) }).catch(() => undefined);
await client.call(prepare, { key: "container", parent: chainOf(image) });
await client.call(prepare, { key: "layer" });
await client.call(commit, { key: "layer", name: "ordinary" });
await client.call(prepare, { key: "over", parent: "ordinary" });
for (const key of ["over", "ordinary", "container", chainOf(image)]) await client.call(remove, { key });
await client.call(cleanup, {});
client.close();
await snapshotter.stop();
// The number of the last calls differs a little.
if (Number(last) > 0) process.kill(process.pid, "SIGKILL");
console.log(count);
process.exit();
