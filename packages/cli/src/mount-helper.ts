/** The program `mount.puzzlefs`; mount-helper-program.ts is what it does. */
import "@puzzlefs/linux/closed-streams";

const { runProgram } = await import("./run-program.ts");
await runProgram({ name: "mount.puzzlefs", load: () => import("./mount-helper-program.ts") });
