/** Where the daemons of this user live. */
export declare function runtimeDirectory(): string;
