// SPDX-License-Identifier: GPL-2.0-only
/* The copy between a bounce buffer and the original: uncommon cases. */

#include "bounce.h"

/**
 * swiotlb_copy_highmem() - copy to or from an original in high memory
 * @bounce:	Virtual address in the bounce buffer.
 * @orig:	Physical address in the original.
 * @bytes:	Size in bytes.
 * @dir:	%DMA_TO_DEVICE or %DMA_FROM_DEVICE.
 *
 * Context: Any.
 */
void swiotlb_copy_highmem(void *bounce, phys_addr_t orig, size_t bytes, enum dma_data_direction dir)
{
	while (bytes) {
		struct page *page = pfn_to_page(PFN_DOWN(orig));
		size_t offset = offset_in_page(orig);
		size_t chunk = min_t(size_t, bytes, PAGE_SIZE - offset);

		if (dir == DMA_TO_DEVICE)
			memcpy_from_page(bounce, page, offset, chunk);
		else
			memcpy_to_page(page, offset, bounce, chunk);

		bytes -= chunk;
		bounce += chunk;
		orig += chunk;
	}
}

/**
 * swiotlb_clamp_copy() - report and shorten a part that exceeds its mapping
 * @dev:	Device of the mapping.
 * @mapped:	Size of the mapping in bytes.
 * @skip:	Bytes from the start of the mapping to the part.
 * @bytes:	Size of the part in bytes.
 *
 * Context: Any.
 * Return: Bytes of the part that lie in the mapping.
 */
size_t swiotlb_clamp_copy(struct device *dev, size_t mapped, phys_addr_t skip, size_t bytes)
{
	dev_WARN_ONCE(dev, 1,
		      "Buffer overflow detected. Allocation size: %zu. Mapping size: %zu.\n",
		      mapped, bytes + (size_t)skip);
	return skip < mapped ? min(bytes, mapped - skip) : 0;
}
