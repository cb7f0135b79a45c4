/** fast-check with the seed of the run. Counterexamples that were found are kept as `examples` of their properties. */
import fc from "fast-check";
import { runSeed } from "./random.ts";

fc.configureGlobal({ seed: runSeed });

export default fc;
