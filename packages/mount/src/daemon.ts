/** The process behind a FUSE mount, or one of several if it is supervised; startServer() starts it. */
import "@puzzlefs/linux/closed-streams";

const { serve } = await import("@puzzlefs/fuse");
const { daemonArguments, holdServed, openServed } = await import("./server-program.ts");
type Order = import("./server-program.ts").DaemonArguments;

const { server, image } = JSON.parse(process.argv[2] ?? "{}") as Order;
await serve(server, {
  openTree: () => openServed(image),
  hold: () => holdServed(image),
  argv: (order) => daemonArguments(order, image),
});
