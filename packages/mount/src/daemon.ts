/** The processes behind FUSE mounts: of one mount, or of all that share a server; startServer() starts them. */
import "@puzzlefs/linux/closed-streams";

const { serve, serveShared } = await import("@puzzlefs/fuse");
const { daemonArguments, holdServed, openServed } = await import("./server-program.ts");
const { ServedImages } = await import("./served-images.ts");
type Given = import("./server-program.ts").DaemonArguments;
type Image = import("./server-program.ts").ServedImage;

const given = JSON.parse(process.argv[2] ?? "{}") as Given;
if ("shared" in given) {
  const images = new ServedImages();
  await serveShared(given.shared, {
    openTree: (image) => images.open(image as Image),
    hold: (image) => holdServed(image as Image),
    argv: (shared) => daemonArguments({ shared }),
  });
} else {
  const { server, image } = given;
  await serve(server, {
    openTree: () => openServed(image),
    hold: () => holdServed(image),
    argv: (order) => daemonArguments({ server: order, image }),
  });
}
