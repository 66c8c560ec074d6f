// A headless Chromium on a console that `hemostat demo --serve` fills. Used by console.mjs (tests) and tools/screenshots.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const require = createRequire(join(root, "web", "package.json"));
const { chromium } = require("playwright-core");
export const axeSource = require.resolve("axe-core/axe.min.js");

export const PASSWORD = "blue kettle marches";

/* The program with a demo day, its set-up link, and a way to end it. */
export async function serve(port, more = [], before = () => {}) {
	const data = mkdtempSync(join(tmpdir(), "hemostat-console-"));
	const program = process.env.HEMOSTAT ?? join(root, "build", "hemostat");
	before(program, join(data, "d"));
	const child = spawn(program, ["--data", join(data, "d"), "demo", "--serve", "--listen", `127.0.0.1:${port}`, ...more], { stdio: ["ignore", "pipe", "pipe"] });
	let told = "";
	child.on("error", (e) => { throw e; });
	const token = await new Promise((found, failed) => {
		const hear = (chunk) => {
			told += chunk;
			const m = /#\/setup\/([0-9a-f]{32})/.exec(told);
			if (m) found(m[1]);
		};
		child.stdout.on("data", hear);
		child.stderr.on("data", hear);
		child.on("exit", () => failed(new Error("hemostat ended: " + told)));
	});
	const stop = () => new Promise((over) => {
		child.removeAllListeners("exit");
		child.on("exit", (code) => {
			rmSync(data, { recursive: true, force: true });
			over(code);
		});
		child.kill("SIGTERM");
	});
	return { url: `https://127.0.0.1:${port}`, token, stop, data: join(data, "d"), program };
}

export async function browser() {
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
			"--disable-component-update", "--disable-sync"],
	});
}

export const open = (b, options = {}) => b.newContext({ ignoreHTTPSErrors: true, locale: "en-GB", timezoneId: "UTC", viewport: { width: 1440, height: 900 }, ...options });

export async function setUp(page, url, token, name = "anna") {
	await page.goto(`${url}/#/setup/${token}`);
	await page.getByLabel("Name").fill(name);
	await page.getByLabel("Password", { exact: false }).first().fill(PASSWORD);
	await page.getByLabel("Password again").fill(PASSWORD);
	await page.getByRole("button", { name: "Make the account" }).click();
	await page.getByRole("heading", { name: "Today" }).waitFor();
}

export const settled = async (page) => {
	await page.waitForFunction(() => !document.querySelector(".waiting"));
};
