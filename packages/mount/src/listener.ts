/** The processes behind a lazy mount of the kernel driver; startListener() starts the first one. */
import "@puzzlefs/linux/closed-streams";

const { escapeText } = await import("@puzzlefs/linux");
const { listenerArguments } = await import("./fetcher-program.ts");
type Order = import("./opens/order.ts").OpensOrder;

const order = JSON.parse(process.argv[2] ?? "{}") as Order;
process.title = escapeText(`puzzlefs ${order.role === "listener" ? "listen" : "fetch for"} ${order.shownAt}`);
if (order.role === "listener") {
  const { listen } = await import("./opens/listen.ts");
  await listen(order, listenerArguments({ ...order, role: "helper" }));
} else {
  const { help } = await import("./opens/help.ts");
  await help(order);
}
// The kernel lets all opens go on.
process.exit();
