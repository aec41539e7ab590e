#!/usr/bin/env node
/** The command line of the exporter. */
import { exportCommand } from "./command.ts";

await exportCommand("sam2-export").parseAsync();
