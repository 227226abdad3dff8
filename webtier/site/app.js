// SPDX-License-Identifier: BSD-3-Clause
// The page of the link shortener: makes links, lists and searches them, and keeps the owner's key.

import { becomeOwner, createLink, exportLinks, key, listLinks, wait } from "./api.js";
import { showDetails } from "./details.js";
import {
	blamed, byId, complain, copy, element, fromLocal, HALF_A_TIME, time, visits,
} from "./text.js";

const PAGE = 20;    // Links of one request.
const PAGE_MAX = 100; // The server's limit.
const REFRESH_S = 5;
const TYPING_MS = 250;

const form = byId("form");
const problem = byId("problem");

// Newest first; how many are shown grows with "Show older links".
let links = [];
let nextCursor = null;
let wanted = PAGE;
let loads = 0; // Answers of a load that another has overtaken are thrown away.

function item(link) {
	const short = element("a", { href: `/l/${link.code}`, rel: "noopener noreferrer" },
		link.short_url.replace(/^https?:\/\//, ""));
	const open = element("button", { type: "button", className: "quiet" }, "Details");
	open.setAttribute("aria-label", `Details of ${link.title || link.code}`);
	open.dataset.code = link.code;
	open.addEventListener("click", () => showDetails(link, changed));
	const expired = link.expires && new Date(link.expires) <= new Date();
	const facts = element("p", { className: "hint" },
		element("strong", {}, visits(link.count)), " · made ", time(link.created));
	if (link.expires) {
		facts.append(" · ", expired ? "expired " : "expires ", time(link.expires));
	}
	const text = element("div", { className: "text" });
	if (link.title) {
		text.append(element("h3", { dir: "auto" }, link.title));
	}
	text.append(element("p", { className: "short" }, short),
		element("p", { className: "target" }, element("span", { className: "away" }, "leads to "),
			link.url),
		facts);
	return element("li", expired ? { className: "expired" } : {}, text, open);
}

function show() {
	const searching = byId("q").value.trim() !== "";
	byId("empty").hidden = links.length > 0;
	byId("empty").textContent = searching ? "No link of yours has this text." :
		"There are no links yet. Those that you make appear here.";
	byId("more").hidden = nextCursor === null;
	byId("export").hidden = links.length === 0 || searching;
	byId("key-copy").hidden = byId("key-forget").hidden = !key.get();
	// A visitor who is on a link with the keyboard stays there.
	const at = document.activeElement?.closest("#list li");
	const code = at?.querySelector("button").dataset.code;
	const onButton = document.activeElement?.matches("button");
	byId("list").replaceChildren(...links.map(item));
	const again = code && byId("list").querySelector(`button[data-code="${CSS.escape(code)}"]`);
	if (again) {
		(onButton ? again : again.closest("li").querySelector("a")).focus();
	}
}

async function load() {
	const mine = ++loads;
	let found = [];
	let cursor = null;
	const q = byId("q").value.trim();
	if (key.get()) {
		do {
			const query = { limit: Math.min(PAGE_MAX, wanted - found.length) };
			if (cursor !== null) {
				query.cursor = cursor;
			}
			if (q) {
				query.q = q;
			}
			const page = await listLinks(query);
			found = found.concat(page.links);
			cursor = page.next_cursor;
		} while (cursor !== null && found.length < wanted);
	}
	if (mine !== loads) {
		return;
	}
	// What has not changed is left alone: a screen reader is not interrupted.
	if (JSON.stringify([links, nextCursor]) !== JSON.stringify([found, cursor])
		|| byId("list").children.length !== found.length || byId("empty").hidden === !found.length) {
		links = found;
		nextCursor = cursor;
		show();
	}
}

async function refresh(said = "") {
	try {
		await load();
		byId("fresh").textContent = said;
	} catch (error) {
		byId("fresh").textContent = error.status === 401 ?
			"The server does not know your key." :
			`The list may be out of date. ${error.message}`;
	}
}

async function changed(said) {
	await refresh(said);
	byId("links").focus();
}

// --- Making a link ---

function members() {
	const { url, title, code, expires, permanent } = form.elements;
	const made = { url: url.value.trim() };
	if (title.value.trim()) {
		made.title = title.value.trim();
	}
	if (code.value.trim()) {
		made.code = code.value.trim();
	}
	if (expires.value) {
		made.expires = fromLocal(expires.value);
	}
	if (permanent.checked) {
		made.permanent = true;
	}
	return made;
}

form.addEventListener("submit", async (event) => {
	event.preventDefault();
	const input = form.elements.url;
	if (!/^https?:\/\/./i.test(input.value.trim())) {
		complain(input, problem, "Please enter an address that begins with http:// or https://.");
		return;
	}
	if (form.elements.expires.validity.badInput) {
		complain(form.elements.expires, problem, HALF_A_TIME);
		return;
	}
	for (const each of form.elements) {
		complain(each, problem, "");
	}
	byId("submit").disabled = true;
	try {
		await becomeOwner();
		const link = await createLink(members());
		const short = byId("short");
		short.href = `/l/${link.code}`;
		short.textContent = link.short_url;
		short.rel = "noopener noreferrer";
		byId("result").hidden = false;
		form.reset();
		byId("q").value = "";
		await refresh();
	} catch (error) {
		complain(form.elements[blamed(error)], problem, error.message);
	} finally {
		byId("submit").disabled = false;
	}
});

byId("copy").addEventListener("click", () =>
	copy(byId("copy"), byId("short").textContent, byId("short")));

// --- The list ---

byId("more").addEventListener("click", async () => {
	wanted = links.length + PAGE;
	await refresh();
});

let typing = 0;
byId("q").addEventListener("input", () => {
	clearTimeout(typing);
	typing = setTimeout(() => {
		wanted = PAGE;
		refresh();
	}, TYPING_MS);
});

byId("find").addEventListener("submit", (event) => {
	event.preventDefault();
	clearTimeout(typing);
	refresh();
});

byId("export").addEventListener("click", async () => {
	try {
		const place = URL.createObjectURL(await exportLinks());
		element("a", { href: place, download: "links.csv" }).click();
		setTimeout(() => URL.revokeObjectURL(place), 60000);
	} catch (error) {
		byId("fresh").textContent = error.message;
	}
});

// --- The key ---

byId("key-copy").addEventListener("click", () => copy(byId("key-copy"), key.get()));

byId("key-forget").addEventListener("click", async () => {
	if (!byId("key-forget").dataset.sure) {
		byId("key-forget").dataset.sure = "yes";
		byId("key-forget").textContent = "Really? Without the key your links are lost to you";
		return;
	}
	key.forget();
	byId("result").hidden = true;
	await changed("The key is forgotten.");
});

byId("key-forget").addEventListener("blur", () => {
	delete byId("key-forget").dataset.sure;
	byId("key-forget").textContent = "Forget the key here";
});

byId("key-form").addEventListener("submit", async (event) => {
	event.preventDefault();
	const input = byId("key-input");
	const text = input.value.trim();
	if (!key.isOne(text)) {
		complain(input, byId("key-problem"), "A key has 64 characters, 0 to 9 and a to f.");
		return;
	}
	complain(input, byId("key-problem"), "");
	key.set(text);
	input.value = "";
	await changed("The key is in use.");
});

// One refresh after the other, and only while somebody is looking.
async function keepFresh() {
	for (;;) {
		if (document.visibilityState === "visible" && !byId("dialog").open) {
			await refresh(byId("fresh").textContent);
		}
		await wait(REFRESH_S);
	}
}

keepFresh();
