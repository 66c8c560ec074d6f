// Pictures of the console filled by the demo lab, into doc/images.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { browser, open, root, serve, setUp, settled } from "../tests/e2e/browser.mjs";

const folder = join(root, "doc", "images");
mkdirSync(folder, { recursive: true });
const server = await serve(18444);
const b = await browser();
try {
	const page = await (await open(b, { viewport: { width: 1280, height: 800 } })).newPage();
	await setUp(page, server.url, server.token);
	const take = async (name, to, theme = "light") => {
		await page.evaluate((t) => localStorage.setItem("theme", t), theme);
		await page.goto("about:blank");
		await page.goto(`${server.url}/#/${to}`);
		await page.locator("h1").waitFor();
		await settled(page);
		await page.waitForTimeout(300);
		await page.screenshot({ path: join(folder, name + ".png") });
	};
	await take("today", "today");
	await take("map", "map", "dark");
	const first = async (list, words) => {
		await page.goto(`${server.url}/#/${list}`);
		return (await page.locator("tbody th a", { hasText: words }).first().getAttribute("href")).slice(2);
	};
	await take("device", await first("devices", "Moxa"));
	await take("finding", await first("findings", "result"));
} finally {
	await b.close();
	await server.stop();
}
