// Reslices a volume with the page's own code: node reslice_in_node.mjs CONSOLE REQUEST.json VALUES.bin OUT.bin
// The request holds a volume header and a list of cuts, each a plane and a pose; out come int16 values, cut by cut.
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [consoleFolder, requestPath, valuesPath, outPath] = process.argv.slice(2);
const vite = await import(pathToFileURL(resolve(consoleFolder, "node_modules/vite/dist/node/index.js")).href);

async function load(module) {
  const path = resolve(consoleFolder, "src", module);
  return (await vite.runnerImport(path, { configFile: false, root: consoleFolder, logLevel: "error" })).module;
}

const { resliceInto } = await load("engine/reslice.ts");
const { sampleGrid } = await load("engine/grid.ts");
const { indexFromPlanningMm } = await load("engine/volume.ts");

const { header, cuts } = JSON.parse(readFileSync(requestPath, "utf8"));
const bytes = readFileSync(valuesPath);
const values = new Int16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
const volume = { header, values, loadedSlices: header.sizeIjk[2] };
const slices = cuts.map(({ plane, planningFromImage }) => {
  const grid = sampleGrid(plane, false);
  const slice = new Int16Array(grid.columns * grid.rows);
  resliceInto(slice, volume, indexFromPlanningMm(header, planningFromImage), grid, { firstRow: 0, endRow: grid.rows });
  return new Uint8Array(slice.buffer);
});
writeFileSync(outPath, Buffer.concat(slices));
process.exit(0);
