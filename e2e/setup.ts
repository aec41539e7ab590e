/** What these tests share is built once, before the first of them. */
import { buildPage } from "headless/server";
import { buildDemo } from "./demo-page.ts";

export async function setup(): Promise<void> {
  await buildDemo();
  await buildPage();
}
