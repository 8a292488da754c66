//go:build unix

package main

import "syscall"

// ownGroup puts a command into a process group of its own, where Ctrl-C in the
// terminal does not reach it.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
