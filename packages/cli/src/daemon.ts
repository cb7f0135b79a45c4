import { serve } from "@puzzlefs/fuse";
import { daemonArguments, type DaemonOrder, openServed } from "./daemon-order.ts";

/** The process behind a FUSE mount, or one of several if it is supervised; `puzzlefs mount` starts it. */
const { server, image } = JSON.parse(process.argv[2] ?? "{}") as DaemonOrder;
await serve(server, {
  openTree: () => openServed(image),
  argv: (order) => daemonArguments(order, image),
});
