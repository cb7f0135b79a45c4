/** `lua ranges.lua ROOT SOURCE LIST SECONDS SEED`: LIST has lines "SIZE PATH". Prints how much was read, and of it mapped. */
import { RangeReader, readSizedFiles } from "../ranges.ts";
import { System } from "../system.ts";
import { luaEnvironment, programArguments, writeLine } from "./environment.ts";

const [root, source, list, seconds, seed] = programArguments();
const system = new System(luaEnvironment());
const reader = new RangeReader(system, { root, source, seconds: Number(seconds), seed: Number(seed) });
const { read, mapped, bytes } = reader.run(readSizedFiles(system, list));
writeLine(`${read} ${mapped} ${Math.floor(bytes)}`);
