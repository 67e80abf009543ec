# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Configure and build a kernel tree, for kernel.sh and objects.sh.
# Sourced after lib.sh. The caller sets CACHE, src, out, name and config.

# shellcheck disable=SC2034,SC2154 # variables of scripts that source this file
# set_arch ARCH: set the compiler and the path of the image for ARCH.
set_arch() {
	ARCH=$1
	CROSS=
	boot_image=
	case $ARCH in
	x86_64)
		boot_image=arch/x86/boot/bzImage ;;
	i386)
		boot_image=arch/x86/boot/bzImage
		CROSS=i686-linux-gnu- ;;
	arm)
		boot_image=arch/arm/boot/zImage
		CROSS=arm-linux-gnueabihf- ;;
	arm64)
		boot_image=arch/arm64/boot/Image
		CROSS=aarch64-linux-gnu- ;;
	riscv)
		boot_image=arch/riscv/boot/Image
		CROSS=riscv64-linux-gnu- ;;
	s390)
		boot_image=arch/s390/boot/bzImage
		CROSS=s390x-linux-gnu- ;;
	um)
		boot_image=linux ;;
	*)
		die "no compiler is known for the architecture $ARCH" ;;
	esac
	[[ -z $CROSS ]] || need "${CROSS}gcc=gcc-${CROSS%-}"
	TOOLCHAIN=$("${CROSS}gcc" --version | head -n 1; "${CROSS}ld" --version | head -n 1)
}

# merge FILE...: print one line per option; the last file with the option wins.
merge() {
	awk '/^(# )?CONFIG_/ {
		option = $0
		sub(/^# /, "", option)
		sub(/[ =].*/, "", option)
		if (!(option in last))
			order[++n] = option
		last[option] = $0
	}
	END { for (i = 1; i <= n; i++) print last[order[i]] }' "$@"
}

# lost WANTED GOT: print the options of WANTED that GOT does not have.
lost() {
	awk 'function off(line) { return line ~ /=n$/ || line ~ / is not set$/ }
	{
		option = $0
		sub(/^# /, "", option)
		sub(/[ =].*/, "", option)
	}
	FNR == NR { if (!off($0)) got[option] = $0; next }
	off($0) ? option in got : got[option] != $0' "$2" "$1"
}

# of_this_kernel: filter lines of a configuration: drop options that an older kernel lacks.
of_this_kernel() {
	if [[ ${LINUX:-7.3} == 7.3 ]]; then
		cat
	else
		awk 'FNR == NR { known["CONFIG_" $2]; next }
			{ option = $0; sub(/^# /, "", option); sub(/[ =].*/, "", option) }
			option in known' \
			<(grep -rhE --include='Kconfig*' '^[[:space:]]*(menu)?config [A-Z0-9_]+' "$src") -
	fi
}

# In depend mode ccache does not see the file of an .incbin. It would take piggy.o, the
# compressed kernel, from another build with the same number of bytes.
kbuild() {
	# shellcheck disable=SC2016 # for make
	local ccache='$(if $(filter %/piggy.o,$@),,ccache )'

	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u CROSS_COMPILE -u KCFLAGS -u KCPPFLAGS LC_ALL=C \
		CCACHE_DIR="$CACHE/ccache" CCACHE_BASEDIR="$TOP" CCACHE_NOHASHDIR=1 \
		CCACHE_DEPEND=1 CCACHE_COMPILERCHECK=content CCACHE_MAXSIZE=5G \
		KBUILD_BUILD_TIMESTAMP=1970-01-01 KBUILD_BUILD_USER=swiotlb KBUILD_BUILD_HOST=guest \
		KBUILD_BUILD_VERSION=1 \
		make -C "$src" O="$out" ARCH="$ARCH" CROSS_COMPILE="$CROSS" LOCALVERSION="-$name" \
		CC="$ccache${CROSS}gcc" HOSTCC="ccache gcc" V="${V:-0}" "$@"
}

# configure: allnoconfig with the fragments. Each requested option must be set
# afterwards, or a test would run without the code that it tests.
configure() {
	local wanted=$out/.wanted.config missing

	printf '%s\n' "$config" >"$wanted"
	msg CONFIG "$name"
	run_logged "configure $name" "$out/config.log" 10 0 \
		kbuild KCONFIG_ALLCONFIG="$wanted" allnoconfig
	missing=$(lost "$wanted" "$out/.config" | of_this_kernel)
	if [[ $missing ]]; then
		rm -f "$out/.config"
		mapfile -t missing <<<"$missing"
		die "$name: the configuration does not get what its fragments ask for:" "${missing[@]}" \
			"(a dependency is missing, or the option has another name)"
	fi
	publish "$wanted" "$out/fragments.config"
}
