/** The process behind a FUSE mount, or one of several if it is supervised; `puzzlefs mount` starts it. */
import "./terminal/closed-streams.ts";

const { serve } = await import("@puzzlefs/fuse");
const { daemonArguments, openServed } = await import("./daemon-arguments.ts");
type Order = import("./daemon-arguments.ts").DaemonArguments;

const { server, image } = JSON.parse(process.argv[2] ?? "{}") as Order;
await serve(server, {
  openTree: () => openServed(image),
  argv: (order) => daemonArguments(order, image),
});
