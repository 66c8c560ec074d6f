// The console in a real browser: every page in three themes held against axe-core, decisions, roles, refusals, export,
// live update, keyboard, narrow screens, hostile names. TAP lines.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createServer } from "node:net";

const skip = (why) => {
	console.log(`1..1\nok 1 - console # SKIP ${why}`);
	process.exit(0);
};
if (!existsSync(process.env.CHROMIUM ?? "/usr/bin/chromium")) skip("chromium is not installed");

const helper = await import("./browser.mjs").catch(() => skip("the packages of web/ are not installed"));
const { serve, browser, open, setUp, settled, axeSource, PASSWORD } = helper;

const port = await new Promise((found) => {
	const s = createServer().listen(0, "127.0.0.1", () => {
		const p = s.address().port;
		s.close(() => found(p));
	});
});

const shots = process.env.HEMOSTAT_SHOTS;
if (shots) mkdirSync(shots, { recursive: true });

/* A capture of one HL7 message whose sender names itself with markup. */
const HOSTILE = "<img src=x onerror=window.hurt=1>";
function hostileCapture() {
	const packets = [];
	let seq = { a: 1000, b: 5000 };
	const frame = (from, flags, data) => {
		const ip = Buffer.alloc(20), tcp = Buffer.alloc(20), body = Buffer.from(data, "latin1");
		ip.set([0x45, 0, 0, 0, 0, 1, 0, 0, 64, 6]);
		ip.writeUInt16BE(40 + body.length, 2);
		ip.set(from === "a" ? [10, 9, 0, 1, 10, 9, 0, 2] : [10, 9, 0, 2, 10, 9, 0, 1], 12);
		let sum = 0;
		for (let i = 0; i < 20; i += 2) sum += ip.readUInt16BE(i);
		while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
		ip.writeUInt16BE(~sum & 0xffff, 10);
		tcp.writeUInt16BE(from === "a" ? 40000 : 2575, 0);
		tcp.writeUInt16BE(from === "a" ? 2575 : 40000, 2);
		tcp.writeUInt32BE(seq[from], 4);
		tcp.writeUInt32BE(seq[from === "a" ? "b" : "a"], 8);
		tcp.set([0x50, flags, 0xff, 0xff], 12);
		seq[from] += body.length + (flags & 3 ? 1 : 0);
		const mac = from === "a" ? [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2] : [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
		packets.push(Buffer.concat([Buffer.from([...mac.slice(6), ...mac.slice(0, 6), 8, 0]), ip, tcp, body]));
	};
	const hl7 = `\x0bMSH|^~\\&|${HOSTILE}|${HOSTILE}|LIS|HOSP|20260101||ORU^R01|1|P|2.5.1\rPID|||1\rOBR|1\rOBX|1|NM|GLU^${HOSTILE}||5|mmol/L|||||F|||||||${HOSTILE}^${HOSTILE}\r\x1c\r`;
	frame("a", 2, ""); frame("b", 0x12, ""); frame("a", 0x10, ""); frame("a", 0x18, hl7); frame("b", 0x10, ""); frame("a", 0x11, ""); frame("b", 0x11, "");
	const head = Buffer.alloc(24);
	head.writeUInt32LE(0xa1b2c3d4, 0); head.writeUInt16LE(2, 4); head.writeUInt16LE(4, 6); head.writeUInt32LE(65535, 16); head.writeUInt32LE(1, 20);
	return Buffer.concat([head, ...packets.flatMap((p, i) => {
		const h = Buffer.alloc(16);
		h.writeUInt32LE(1767225600 + i, 0); h.writeUInt32LE(p.length, 8); h.writeUInt32LE(p.length, 12);
		return [h, p];
	})]);
}

const server = await serve(port, [], (program, data) => {
	const file = data + ".pcap";
	writeFileSync(file, hostileCapture());
	execFileSync(program, ["--data", data, "watch", "-r", file], { stdio: "ignore" });
});
const hemostat = (...args) => execFileSync(server.program, ["--data", server.data, ...args], { encoding: "utf8" });
const b = await browser();
const context = await open(b);
const page = await context.newPage();
const trouble = [], outside = [];
const watch = (p) => {
	p.on("pageerror", (e) => trouble.push(e.message));
	p.on("console", (m) => ["error", "warning"].includes(m.type()) && !/status of 4\d\d/.test(m.text()) && trouble.push(m.text()));
	p.on("request", (r) => !r.url().startsWith(server.url) && !/^(data|blob):/.test(r.url()) && outside.push(r.url()));
};
watch(page);

const assert = (fine, text) => {
	if (!fine) throw new Error(text);
};
const go = async (to, p = page) => {
	await p.goto(`${server.url}/#/${to}`);
	await p.locator("h1").waitFor();
	await settled(p);
};

async function axe(name, p = page) {
	await p.evaluate(readFileSync(axeSource, "utf8"));
	const found = await p.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
	const bad = found.violations.map((v) => `${v.id}: ${v.nodes[0].target} (${v.nodes[0].any[0]?.message ?? v.help})`);
	assert(bad.length === 0, `${name}: ${bad.join("; ")}`);
}

const PAGES = ["today", "map", "devices", "devices/1", "traffic/links", "traffic/messages", "traffic/results", "findings", "findings/1", "events", "people", "settings"];

const tests = {
	"a wrong set-up link is refused, the right one makes the first account": async () => {
		await page.goto(`${server.url}/#/setup/${"0".repeat(32)}`);
		await page.getByLabel("Name").fill("anna");
		await page.getByLabel("Password", { exact: false }).first().fill(PASSWORD);
		await page.getByLabel("Password again").fill(PASSWORD);
		await axe("set-up");
		await page.getByRole("button", { name: "Make the account" }).click();
		await page.getByRole("alert").getByText("not the link").waitFor();
		await page.goto("about:blank");
		await setUp(page, server.url, server.token);
	},
	"today: five numbers that lead to their lists": async () => {
		await go("today");
		assert(await page.locator(".tile").count() === 5, "five tiles");
		await page.getByRole("link", { name: "Open findings" }).click();
		await page.getByRole("heading", { name: "Findings", level: 1 }).waitFor();
		await page.locator("tbody tr").first().waitFor();
	},
	"every page in three themes: nothing for axe-core": async () => {
		for (const theme of ["light", "dark", "contrast"]) {
			await page.evaluate((t) => localStorage.setItem("theme", t), theme);
			await page.reload();
			for (const to of PAGES) {
				await go(to);
				await axe(`${to} in ${theme}`);
				if (shots) await page.screenshot({ path: join(shots, `${theme}-${to.replaceAll("/", "-")}.png`), fullPage: true });
			}
		}
		await page.evaluate(() => localStorage.setItem("theme", "light"));
		await page.reload();
	},
	"at 320 pixels nothing runs out of the page": async () => {
		await page.setViewportSize({ width: 320, height: 800 });
		const wider = [];
		for (const to of PAGES) {
			await go(to);
			const wide = await page.evaluate(() => document.scrollingElement.scrollWidth);
			if (wide > 320) wider.push(`${to} is ${wide} wide`);
			if (shots) await page.screenshot({ path: join(shots, `narrow-${to.replaceAll("/", "-")}.png`), fullPage: true });
		}
		await go("today");
		await axe("today, narrow");
		await page.setViewportSize({ width: 1440, height: 900 });
		assert(wider.length === 0, wider.join(", "));
	},
	"a device is approved and blocked, with a reason that is kept": async () => {
		await go("devices/2");
		await page.getByRole("button", { name: "Approve" }).click();
		await axe("dialog");
		await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
		await page.locator(".title").getByText("Approved").waitFor();
		await page.getByRole("button", { name: "Block" }).click();
		await page.getByRole("dialog").getByLabel("Reason").fill("not ours after all");
		await page.getByRole("dialog").getByRole("button", { name: "Block" }).click();
		await page.locator(".title").getByText("Blocked").waitFor();
		const told = hemostat("event", "list", "--kind", "device", "--json", "--limit", "1");
		assert(told.includes("not ours after all") && told.includes('"who":"anna"'), told);
	},
	"a finding is closed with a reason and leaves the list": async () => {
		await go("findings");
		const first = page.locator("tbody th a").first();
		const text = await first.textContent();
		await first.click();
		await page.getByRole("button", { name: "Close" }).click();
		await page.getByRole("dialog").getByLabel("Reason").fill("switch port closed");
		await page.getByRole("dialog").getByRole("button", { name: "Close" }).click();
		await page.locator(".title").getByText("Closed").waitFor();
		await go("findings");
		assert(!(await page.locator("tbody").textContent()).includes(text), "it is still in the list of open ones");
	},
	"another's change appears by itself": async () => {
		await go("devices/3");
		await page.locator(".live.on").waitFor();
		hemostat("device", "retire", "3", "--reason", "gone");
		await page.locator(".title").getByText("Retired").waitFor({ timeout: 15000 });
	},
	"export gives the whole filtered list": async () => {
		await go("traffic/messages?proto=hl7");
		await page.locator("tbody tr").first().waitFor();
		const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export CSV" }).click()]);
		const rows = readFileSync(await file.path(), "utf8").trim().split("\r\n");
		const all = hemostat("message", "list", "--proto", "hl7", "--limit", "0", "--json").trim().split("\n");
		assert(rows.length === all.length + 1, `${rows.length} rows for ${all.length} messages`);
		const [json] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Export JSON" }).click()]);
		assert(JSON.parse(readFileSync(await json.path(), "utf8")).length === all.length, "JSON");
	},
	"the map is used by keyboard": async () => {
		await go("map");
		await page.locator("svg.map .node").first().focus();
		await page.keyboard.press("Enter");
		await page.getByRole("heading", { name: /^Links of/ }).waitFor();
		await page.keyboard.press("Tab");
		await page.getByRole("link", { name: "Open device" }).focus();
		await page.keyboard.press("Enter");
		await page.getByRole("heading", { name: "How we know" }).waitFor();
	},
	"names full of markup stay text": async () => {
		await go("devices?find=%3Cimg");
		await page.locator("tbody tr").first().waitFor();
		assert((await page.locator("tbody").textContent()).includes("<img src=x"), "the name is not shown as it is");
		await page.locator("tbody a").first().click();
		await page.getByRole("heading", { name: "How we know" }).waitFor();
		for (const to of ["map", "traffic/results", "traffic/messages", "events", "findings", "today"]) await go(to);
		assert(await page.locator("img").count() === 0, "markup of a device became an element");
		assert(await page.evaluate(() => window.hurt) === undefined, "script of a device ran");
	},
	"roles: a viewer sees no values, events or people; wrong passwords are refused": async () => {
		await go("people");
		const form = page.locator("form.form");
		await form.getByLabel("Name").fill("vic");
		await form.getByLabel("First password").fill("password123456");
		await form.getByRole("button", { name: "Make account" }).click();
		await form.getByRole("alert").getByText("attacker").waitFor();
		await form.getByLabel("First password").fill(PASSWORD);
		await form.getByRole("button", { name: "Make account" }).click();
		await page.getByRole("rowheader", { name: "vic" }).waitFor();
		const other = await open(b);
		const vic = await other.newPage();
		watch(vic);
		await vic.goto(server.url);
		await vic.getByLabel("Name").fill("vic");
		await vic.getByLabel("Password").fill("wrong wrong wrong");
		await vic.getByRole("button", { name: "Sign in" }).click();
		await vic.getByRole("alert").getByText("wrong").waitFor();
		await vic.getByLabel("Password").fill(PASSWORD);
		await vic.getByRole("button", { name: "Sign in" }).click();
		await vic.getByRole("heading", { name: "Today" }).waitFor();
		const nav = await vic.getByRole("navigation", { name: "Pages" }).textContent();
		assert(!nav.includes("Events") && !nav.includes("People"), nav);
		await go("devices/1", vic);
		assert(await vic.getByRole("button", { name: "Block" }).count() === 0, "a viewer is offered to block");
		await go("people", vic);
		await vic.getByRole("heading", { name: "There is no such page" }).waitFor();
		/* Disabled: out at once. */
		await page.getByRole("button", { name: "Disable vic" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Disable" }).click();
		await page.getByText("Disabled").waitFor();
		await go("devices", vic).catch(() => {});
		await vic.getByRole("heading", { name: "Sign in" }).waitFor();
		await other.close();
	},
	"signing out ends it": async () => {
		await page.getByRole("button", { name: "Sign out" }).click();
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
		await axe("sign-in");
		await page.goto(`${server.url}/#/devices`);
		await page.getByRole("heading", { name: "Sign in" }).waitFor();
	},
	"no request went outside, no error was logged": async () => {
		assert(outside.length === 0, outside.join(" "));
		assert(trouble.length === 0, trouble.join(" | "));
	},
};

console.log(`1..${Object.keys(tests).length}`);
let n = 0, bad = 0;
page.setDefaultTimeout(15000);
for (const [name, run] of Object.entries(tests)) {
	n++;
	try {
		await run();
		console.log(`ok ${n} - ${name}`);
	} catch (e) {
		bad++;
		console.log(`not ok ${n} - ${name}\n${String(e.stack).split("\n").slice(0, 12).map((l) => "# " + l).join("\n")}`);
	}
}
await b.close();
const status = await server.stop();
if (status !== 0) {
	console.log(`# hemostat ended with ${status}`);
	bad++;
}
process.exit(bad ? 1 : 0);
