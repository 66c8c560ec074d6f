// build.mjs OUT: bundle the console into OUT, with brotli copies, and hold it to its budget of script.
import { build } from "esbuild";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants } from "node:zlib";

const BUDGET = 120 * 1024; // bytes of script on the first page, brotli
const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2];

const brotli = (data) =>
	brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: data.length } });

await mkdir(out, { recursive: true });
const result = await build({
	entryPoints: [join(here, "src/app.tsx"), join(here, "src/style.css")],
	outdir: out,
	bundle: true,
	splitting: true,
	format: "esm",
	minify: true,
	metafile: true,
	target: "es2021",
	jsx: "automatic",
	jsxImportSource: "preact",
	entryNames: "[name]-[hash]",
	chunkNames: "[name]-[hash]",
	legalComments: "none",
	logLevel: "warning",
});

const named = (ending, entry) =>
	Object.entries(result.metafile.outputs).find(([file, o]) => file.endsWith(ending) && o.entryPoint?.endsWith(entry))[0].split("/").pop();
const html = (await readFile(join(here, "index.html"), "utf8"))
	.replace("SCRIPT", "/" + named(".js", "app.tsx"))
	.replace("STYLE", "/" + named(".css", "style.css"));
await writeFile(join(out, "index.html"), html);

for (const file of await readdir(out)) {
	const data = await readFile(join(out, file));
	const small = brotli(data);
	await writeFile(join(out, file + ".br"), small);
}

// What the first page loads: the entry and what it imports without being asked for later.
const outputs = result.metafile.outputs;
const key = (name) => Object.keys(outputs).find((k) => k.endsWith("/" + name) || k === name);
const first = new Set();
const add = (name) => {
	if (first.has(name)) return;
	first.add(name);
	for (const i of outputs[name].imports) if (i.kind === "import-statement" && outputs[i.path]) add(i.path);
};
add(key(named(".js", "app.tsx")));
let bytes = 0;
for (const name of first) bytes += brotli(await readFile(join(out, name.split("/").pop()))).length;
if (bytes > BUDGET) {
	console.error(`the first page loads ${bytes} bytes of script (brotli), more than ${BUDGET}`);
	process.exit(1);
}
console.log(`console: ${bytes} bytes of script on the first page (brotli)`);
