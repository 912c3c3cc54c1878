// A plug-in of QEMU's user emulation: prints the number of instructions that a program executed.
//
// The declarations are those of qemu-plugin.h, which Debian does not package.
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
typedef uint64_t qemu_plugin_id_t;
typedef void tb_translated_fn(qemu_plugin_id_t id, struct qemu_plugin_tb *block);
typedef void executed_fn(unsigned vcpu, void *data);
typedef void exit_fn(qemu_plugin_id_t id, void *data);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_translated_fn *translated);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *block, executed_fn *executed,
                                          int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_fn *exit, void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);

EXPORT int qemu_plugin_version = PLUGIN_VERSION;  // of the interface: 1 up to QEMU 8, then 2

static atomic_ulong instructions;

static void executed(unsigned vcpu, void *count) {
    (void)vcpu;
    atomic_fetch_add_explicit(&instructions, (uintptr_t)count, memory_order_relaxed);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block) {
    (void)id;
    const uintptr_t count = qemu_plugin_tb_n_insns(block);
    qemu_plugin_register_vcpu_tb_exec_cb(block, executed, 0, (void *)count);
}

static void print(qemu_plugin_id_t id, void *data) {
    (void)id, (void)data;
    fprintf(stderr, "instructions: %lu\n", instructions);
}

EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv) {
    (void)info, (void)argc, (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_atexit_cb(id, print, NULL);
    return 0;
}
